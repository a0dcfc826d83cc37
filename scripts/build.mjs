/** `npm run build`: dependencies, then dist/. */
import {ensureBuilt, ensureDependencies, runScript} from './setup.mjs';

await runScript(() => {
  ensureDependencies();
  ensureBuilt();
});
