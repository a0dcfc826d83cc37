import {describe, expect, it} from 'vitest';
import {loadProject} from '../../src/lib/inventory/project-file.js';
import {useTempFolder} from './temp-folder.js';

const signal = new AbortController().signal;
const apps = 'apps: {a: {source: ., root: /a, hosts: all}}\n';

describe('store: of a project', () => {
  const folder = useTempFolder();

  const cache = (): string => folder.at('.drover/store');

  it.each([
    ['s3://releases/shop/eu/', {bucket: 'releases', prefix: 'shop/eu'}],
    ['s3://releases', {bucket: 'releases', prefix: ''}],
    [
      '{s3: releases, endpoint: "https://s3.example.com/", region: eu-1}',
      {bucket: 'releases', prefix: '', endpoint: 'https://s3.example.com', region: 'eu-1'},
    ],
    ['{s3: releases, prefix: shop, profile: deploy}', {bucket: 'releases', prefix: 'shop', profile: 'deploy'}],
  ])('%s is a bucket', async (text, place) => {
    const file = await folder.write('drover.yml', `${apps}store: ${text}\n`);
    expect((await loadProject(file, {signal})).store).toEqual({...place, cache: cache()});
  });

  it.each([
    [
      's3://Releases/shop',
      'store "s3://Releases/shop": bucket "Releases" is not valid (drover.yml:2:8); use 3 to 63 lower-case letters, digits, dots and hyphens',
    ],
    [
      's3://releases/../x',
      'store "s3://releases/../x": prefix "../x" is not valid (drover.yml:2:8); use letters, digits and . _ = @ - in parts divided by /, as in shop/releases',
    ],
    [
      '{s3: releases, endpoint: "https://me:S3CRET@host"}',
      'endpoint "https://me:S3CRET@host" is not a valid URL (drover.yml:2:33); http://… or https://…, without user, password or query',
    ],
    ['{s3: releases, secret: x}', 'unknown key "secret" (drover.yml:2:23)'],
  ])('%s is refused', async (text, line) => {
    const file = await folder.write('drover.yml', `${apps}store: ${text}\n`);
    expect((await folder.linesOf(loadProject(file, {signal}))).join('\n')).toContain(line);
  });
});
