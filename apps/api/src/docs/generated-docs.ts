import { previewOpenApi } from '../openapi.js';
import { errorsPage } from './errors-page.js';
import { eventsPage } from './events-page.js';

/** The generated files of docs/, by name. `scripts/docs.mjs` writes them, a spec checks that they are current. */
export async function generatedDocs(): Promise<Readonly<Record<string, string>>> {
  return {
    'openapi.json': `${JSON.stringify(await previewOpenApi(), null, 2)}\n`,
    'errors.md': errorsPage(),
    'events.md': eventsPage(),
  };
}
