#!/usr/bin/env node
// drover from its TypeScript sources: no build, no manifest.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {Config, execute} from '@oclif/core';
import {register} from 'tsx/esm/api';

register();
const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const config = await Config.load({
  root,
  ignoreManifest: true,
  pjson: {...pjson, oclif: {...pjson.oclif, commands: './src/commands'}},
});
await execute({loadOptions: config});
