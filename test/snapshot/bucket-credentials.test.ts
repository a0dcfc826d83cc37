import fs from 'node:fs';
import path from 'node:path';
import {inspect} from 'node:util';
import {describe, expect, it} from 'vitest';
import {findCredentials} from '../../src/lib/snapshot/bucket-credentials.js';
import {catchProblems, withFolder} from './fixture.js';

const secret = 'S3CRET-7d1f';
const fromEnv = {AWS_ACCESS_KEY_ID: 'ID', AWS_SECRET_ACCESS_KEY: secret};

function writeFile(home: string): void {
  fs.mkdirSync(path.join(home, '.aws'));
  const text = `[default]\naws_access_key_id = D\naws_secret_access_key=d/secret+\n\n# mine\n[ team ]\r\naws_access_key_id=T\r\naws_secret_access_key = t\r\naws_session_token = token\r\n[half]\naws_access_key_id=H\n`;
  fs.writeFileSync(path.join(home, '.aws', 'credentials'), text);
}

describe('findCredentials()', () => {
  it('takes the environment, else the profile that is named, else the default one', async () => {
    await withFolder((home) => {
      writeFile(home);
      const find = (env: NodeJS.ProcessEnv, profile?: string) => findCredentials({env, home, profile}).reveal();
      expect(find({...fromEnv, AWS_SESSION_TOKEN: 'x'})).toEqual({accessKeyId: 'ID', secretAccessKey: secret, sessionToken: 'x'});
      expect(find({})).toEqual({accessKeyId: 'D', secretAccessKey: 'd/secret+'});
      expect(find({AWS_PROFILE: 'team'})).toEqual({accessKeyId: 'T', secretAccessKey: 't', sessionToken: 'token'});
      expect(find(fromEnv, 'team').accessKeyId).toBe('T');
    });
  });

  it('names the profile and the file when there are none', async () => {
    await withFolder(async (home) => {
      writeFile(home);
      const error = await catchProblems(() => findCredentials({env: {AWS_PROFILE: 'half'}, home}));
      expect(error.code).toBe('authentication');
      expect(error.message).toContain(`profile "half" is not in ${home}/.aws/credentials, and the environment has none`);
    });
  });

  it('T28 shows the keys in no text, JSON or inspection', () => {
    const keys = findCredentials({env: fromEnv, home: '/nowhere'});
    expect(`${keys} ${JSON.stringify({keys})} ${inspect(keys, {depth: 9, showHidden: true})}`).not.toContain('S3CRET');
  });
});
