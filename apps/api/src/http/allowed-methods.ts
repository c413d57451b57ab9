interface Layer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** Express' router, as far as it is needed to tell 405 from 404. */
export interface RouteTable {
  readonly stack: readonly Layer[];
}

/** The methods that some route takes at this path, upper-case and sorted; empty where there is none at all. */
export function allowedMethods(routes: RouteTable, path: string): string[] {
  const methods = new Set<string>();
  for (const layer of routes.stack) {
    if (layer.route === undefined || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  methods.delete('_ALL');
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].toSorted();
}

/** A path with broken percent-encoding matches nothing. */
function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false;
  }
}
