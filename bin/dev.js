#!/usr/bin/env node
// drover from its TypeScript sources: no build, no manifest.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {execute, Plugin} from '@oclif/core';
import {register} from 'tsx/esm/api';

register();
const root = fileURLToPath(new URL('..', import.meta.url));
const built = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const pjson = JSON.parse(built.replaceAll(/"\.\/dist\/([^"]*?)(\.js)?"/g, (_, file, js) => `"./src/${file}${js ? '.ts' : ''}"`));
// A configuration that loads its plugin by itself reads the manifest, which names files of dist/.
const plugin = new Plugin({root, pjson, ignoreManifest: true, isRoot: true, type: 'core'});
await plugin.load();
await execute({loadOptions: {root, plugins: new Map([[plugin.name, plugin]])}});
