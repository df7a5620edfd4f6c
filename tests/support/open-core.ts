/** Opens the shared library that is named first with the options that come second (JSON), and prints what came of it as JSON. */
import { readFileSync } from 'node:fs';
import { type NativeCoreOptions, openNativeCore } from '../../src/compression/node/native-core.js';
import { isH4Error } from '../../src/utils/error.js';

const [path = '', options = '{}'] = process.argv.slice(2);
try {
  const given = JSON.parse(options) as Partial<NativeCoreOptions>;
  const { declared } = openNativeCore(readFileSync(path), { path, fingerprint: '', ...given });
  console.log(JSON.stringify({ declared }));
} catch (error) {
  if (!isH4Error(error)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
