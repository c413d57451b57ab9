// Makes one file of each process of a built app: its own modules and those of the packages that it uses. To look for,
// read and link 1,600 small files is most of what a start costs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { build } from 'esbuild';

/** Files of a built app's folder that a process begins with. */
const ENTRY = /^(main|migrate|[a-z]+-process)\.js$/;

const EXTERNAL = [
  // Native code, found beside their own files.
  'koffi',
  'bcrypt',
  '@node-rs/argon2',
  'dtrace-provider',
  'msgpackr-extract',
  // They read files of their own.
  '@prisma/client',
  'swagger-ui-dist',
  // Loaded by import() where it is asked for, and large.
  'selfsigned',
  // What packages use where it is installed; here it is not.
  '@fastify/static',
  '@nestjs/microservices',
  '@nestjs/websockets',
  'class-transformer',
  'class-validator',
  'pg-native',
];

/** CommonJS packages in an ES module still ask for these. */
const COMMONJS_NAMES = `
import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname;
`;

/** `folder`: of the compiled app. Each process's file takes the place of the module that it began with. */
export async function bundle(folder) {
  const entries = readdirSync(folder).filter((file) => ENTRY.test(file));
  await build({
    absWorkingDir: folder,
    entryPoints: entries,
    outdir: folder,
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: EXTERNAL,
    banner: { js: COMMONJS_NAMES },
    sourcemap: true,
    sourcesContent: false,
    minifyWhitespace: true,
    lineLimit: 160,
    logLevel: 'silent',
  });
  for (const file of entries) leaveOurs(join(folder, `${file}.map`));
}

/** Node reads the map at every start. What a stack is followed to is our sources; the packages' are most of the map. */
function leaveOurs(file) {
  const map = JSON.parse(readFileSync(file, 'utf8'));
  const places = map.sources.map((source) => (source.includes('node_modules/') ? -1 : 0));
  const sources = map.sources.filter((_, index) => places[index] === 0);
  for (let index = 0, next = 0; index < places.length; index++) if (places[index] === 0) places[index] = next++;
  const mappings = decode(map.mappings).map((line) => lineOfOurs(line, places));
  writeFileSync(file, JSON.stringify({ version: 3, sources, names: [], mappings: encode(mappings) }));
}

/** A line of a map as it is in one with the sources at `places` only; of the others it tells where they begin. */
function lineOfOurs(line, places) {
  const left = [];
  for (const [column, source, ...place] of line) {
    if (source !== undefined && places[source] !== -1) left.push([column, places[source], ...place.slice(0, 2)]);
    else if (left.at(-1)?.length !== 1) left.push([column]);
  }
  return left;
}
