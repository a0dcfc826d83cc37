#!/usr/bin/env node
// drover from its TypeScript sources: no build, no manifest.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {Config, execute} from '@oclif/core';
import {register} from 'tsx/esm/api';

register();
const root = fileURLToPath(new URL('..', import.meta.url));
const built = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const pjson = JSON.parse(built.replaceAll(/"\.\/dist\/([^"]*?)(\.js)?"/g, (_, file, js) => `"./src/${file}${js ? '.ts' : ''}"`));
const config = await Config.load({root, ignoreManifest: true, pjson});
await execute({loadOptions: config});
