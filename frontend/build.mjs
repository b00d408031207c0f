/** Build the one script of the pages: frontend/dist/<name>-<hash>.js, and dist/manifest.json that names it.
 *
 *  The stylesheet and the mark need no build: the service serves them from frontend/styles.
 */

import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const HERE = new URL("./", import.meta.url);
const DIST = new URL("dist/", HERE);
const ENTRIES = ["weighin"];

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
const manifest = {};
for (const entry of ENTRIES) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`${entry}.ts`, HERE))],
    absWorkingDir: fileURLToPath(HERE),
    bundle: true,
    format: "esm",
    legalComments: "none",
    minify: true,
    target: "es2020",
    write: false,
  });
  const [{ contents }] = outputFiles;
  const name = `${entry}-${createHash("sha256").update(contents).digest("hex").slice(0, 16)}.js`;
  writeFileSync(new URL(name, DIST), contents);
  manifest[`${entry}.js`] = name;
  console.log(`${name}: ${contents.length} bytes, ${gzipSync(contents).length} with gzip`);
}
writeFileSync(new URL("manifest.json", DIST), JSON.stringify(manifest, null, 2) + "\n");
