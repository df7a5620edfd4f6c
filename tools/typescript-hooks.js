/** Module hooks of `typescript.js`: types are stripped, and `src/**.js` is read from `dist`. Nothing is type-checked here. */
import { readFile } from 'node:fs/promises';
import { URL, fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../', import.meta.url).href;

export function resolve(specifier, context, nextResolve) {
  const parent = context.parentURL;
  if (!specifier.startsWith('.') || parent === undefined || !parent.endsWith('.ts')) {
    return nextResolve(specifier, context);
  }
  const url = new URL(specifier, parent).href;
  const isSource = url.startsWith(`${root}src/`);
  return nextResolve(isSource ? url.replace(`${root}src/`, `${root}dist/`) : url.replace(/\.js$/, '.ts'), context);
}

export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context);
  const fileName = fileURLToPath(url);
  const { outputText } = ts.transpileModule(await readFile(fileName, 'utf8'), {
    fileName,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  });
  return { format: 'module', shortCircuit: true, source: outputText };
}
