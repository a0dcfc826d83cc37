/** Opens an openssh link and holds it: `hold-link.ts HOST_JSON RUNTIME_DIRECTORY`. Says `open` when it is. */
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host} from '../../src/lib/inventory/host.js';
import {patiently, plainEnv} from './some-host.js';

const [json = '', runtimeDirectory = ''] = process.argv.slice(2);
const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
await opener.open(JSON.parse(json) as Host, patiently);
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
