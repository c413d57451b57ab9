/** A JSON object as it comes out of `JSON.parse`. */
export type JsonObject = { readonly [key: string]: unknown };

/**
 * RFC 7396 §2: `null` removes, objects are merged, everything else replaces. Neither argument is changed. The result
 * still has to be validated: a patch may remove what is required.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map<string, unknown>(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  // fromEntries defines own properties, so a key named __proto__ stays an ordinary (and then refused) key.
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
