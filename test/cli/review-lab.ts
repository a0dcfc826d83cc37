import {execFileSync} from 'node:child_process';
import {appendFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, expect} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

export const policy = 'review: {allowed_signers: allowed_signers, approvals: 1, emergency: true}\n';

/** A practice fleet whose deploys want an approval, with keys of ana (who types), bob, carol, and a stranger. */
export interface ReviewLab {
  readonly dir: () => string;
  readonly lab: () => Lab;
  readonly at: (name: string) => string;
  readonly droverWith: (env: Record<string, string>, words: readonly string[], stdin?: Buffer) => Promise<Ended>;
  readonly drover: (...words: string[]) => Promise<Ended>;
  readonly succeed: (...words: string[]) => Promise<Ended>;
  readonly refuse: (status: number, text: string | RegExp, ...words: string[]) => Promise<void>;
  /** Takes the next snapshot; gives its id. */
  readonly renew: () => Promise<string>;
  readonly approve: (who: string, plan: string) => Promise<Ended>;
  readonly live: () => Promise<string>;
}

/** Made before all tests of the file, and gone after them. */
export function useReviewLab(): ReviewLab {
  let dir: string;
  let lab: Lab;
  let version = 1;
  const at = (name: string): string => path.join(dir, name);
  const droverWith = (env: Record<string, string>, words: readonly string[], stdin?: Buffer): Promise<Ended> =>
    runDrover(words, {cwd: dir, env, ...(stdin === undefined ? {} : {stdin})});
  const drover = (...words: string[]): Promise<Ended> => droverWith({DROVER_SIGNING_KEY: at('ana')}, words);
  const succeed = async (...words: string[]): Promise<Ended> => {
    const ended = await drover(...words);
    expect(ended.status, `${ended.stdout}${ended.stderr}`).toBe(0);
    return ended;
  };
  const refuse = async (status: number, text: string | RegExp, ...words: string[]): Promise<void> => {
    const ended = await drover(...words);
    expect([ended.status, ended.stderr]).toEqual([status, expect.stringMatching(text)]);
  };
  const renew = async (): Promise<string> => {
    await writeContent(at('content'), {version: ++version, pages: 5});
    return (await succeed('snapshot')).stdout.trim().split('\n').at(-1) ?? '';
  };
  const approve = (who: string, plan: string): Promise<Ended> => succeed('approve', plan, '--yes', '--key', at(who));
  const live = async (): Promise<string> => (await succeed('status', '--json')).stdout;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-review-'));
    lab = await startLab({dir, hosts: 2, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    const lines: string[] = [];
    for (const who of ['ana', 'bob', 'carol', 'stranger']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', who, '-f', at(who)]);
      const [type, key] = (await readFile(at(`${who}.pub`), 'utf8')).split(' ');
      if (who !== 'stranger') lines.push(`${who}@example.com ${type} ${key}\n`);
    }
    await writeFile(at('allowed_signers'), lines.join(''));
    await appendFile(at('drover.yml'), policy);
    await writeContent(at('content'), {version, pages: 5});
    await succeed('snapshot');
    await succeed('deploy', '--all', '--yes', '--without-approval', '--reason', 'the first one');
  });
  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });
  return {dir: () => dir, lab: () => lab, at, droverWith, drover, succeed, refuse, renew, approve, live};
}
