import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Verdict} from '../operations/judge-approvals.js';

/** What is signed for: a signature for one is none for the other. */
export type SignatureUse = 'drover-plan' | 'drover-plan-author';

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Time for a person to type a passphrase and touch a token. */
const signDeadlineMs = 120_000;
const checkDeadlineMs = 20_000;

/** Key files of OpenSSH in the order in which ssh itself looks for them. */
const usualKeys = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];

/** The key to sign with: `--key`, else $DROVER_SIGNING_KEY, else the newest kind in ~/.ssh. A public key leaves the signing to the agent. Throws `usage`. */
export function chooseSigningKey(named: string | undefined, env: NodeJS.ProcessEnv): string {
  const words = named ?? env.DROVER_SIGNING_KEY;
  if (words !== undefined && words !== '') {
    if (existsSync(words)) return words;
    throw new DroverError({
      code: 'usage',
      message: `key ${JSON.stringify(words)} does not exist`,
      fix: 'name a private key, or a public one that the agent holds',
    });
  }
  const folder = path.join(env.HOME ?? '/', '.ssh');
  const found = usualKeys.map((name) => path.join(folder, name)).findLast((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new DroverError({code: 'usage', message: `there is no key in ${folder} to sign with`, fix: 'name one with --key'});
}

/**
 * An armoured signature over a text, by `ssh-keygen -Y sign`: any key that ssh-keygen can sign with, with its own questions on the terminal.
 * Throws `refused` with what ssh-keygen said.
 */
export async function signText(
  text: string,
  {
    key,
    use,
    env,
    signal,
  }: {readonly key: string; readonly use: SignatureUse; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal},
): Promise<string> {
  const words = ['-q', '-Y', 'sign', '-f', key, '-n', use];
  const ended = await runKeygen(words, text, {env, deadlineMs: signDeadlineMs, signal, speaks: true});
  if (ended.status === 0 && ended.stdout.startsWith('-----BEGIN SSH SIGNATURE-----')) return ended.stdout;
  throw new DroverError({
    code: 'refused',
    message: `ssh-keygen could not sign with ${key}: ${lastLine(ended)}`,
    fix: 'name another key with --key',
  });
}

/** What a signature in a file says of a text. `allowedSigners` is a file as in ssh-keygen(1). */
export async function checkSignature(
  file: string,
  text: string,
  options: {
    /** Undefined: nobody is known, so that every good signature is a stranger's. */
    readonly allowedSigners: string | undefined;
    readonly use: SignatureUse;
    readonly env: NodeJS.ProcessEnv;
    readonly signal: AbortSignal;
  },
): Promise<Verdict> {
  const {allowedSigners, use, env, signal} = options;
  const ask = (words: readonly string[]): Promise<Ended> =>
    runKeygen(words, text, {env, deadlineMs: checkDeadlineMs, signal, speaks: false});
  const bare = await ask(['-Y', 'check-novalidate', '-n', use, '-s', file]);
  const key = /with \S+ key (SHA256:\S+)/.exec(bare.stdout)?.[1];
  if (bare.status !== 0 || key === undefined) {
    return /parse signature|armor|missing header/i.test(bare.stderr) ? {kind: 'unreadable', why: lastLine(bare)} : {kind: 'other'};
  }
  if (allowedSigners === undefined) return {kind: 'stranger', key};
  const found = await ask(['-Y', 'find-principals', '-s', file, '-f', allowedSigners]);
  // A pattern names nobody.
  const names = found.stdout.split(/[\n,]/).filter((name) => name !== '' && !/[*?!]/.test(name));
  const principals: string[] = [];
  for (const name of found.status === 0 ? new Set(names) : []) {
    const verified = await ask(['-Y', 'verify', '-f', allowedSigners, '-I', name, '-n', use, '-s', file]);
    if (verified.status === 0) principals.push(name);
  }
  return principals.length === 0 ? {kind: 'stranger', key} : {kind: 'good', key, principals};
}

/** `speaks`: what it says on standard error is for the person at the terminal. */
function runKeygen(
  words: readonly string[],
  text: string,
  {env, deadlineMs, signal, speaks}: {env: NodeJS.ProcessEnv; deadlineMs: number; signal: AbortSignal; speaks: boolean},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const giveUp = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const child = spawn('ssh-keygen', words, {env: {...env, LC_ALL: 'C'}, stdio: ['pipe', 'pipe', 'pipe'], signal: giveUp});
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      stdout = (stdout + piece).slice(0, 65_536);
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      stderr = (stderr + piece).slice(-2000);
      if (speaks && process.stderr.isTTY) process.stderr.write(piece);
    });
    child.stdin.on('error', () => undefined).end(text);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (giveUp.aborted) resolve({status: null, stdout: '', stderr: `not done after ${deadlineMs / 1000} s`});
      else if (error.code === 'ENOENT')
        reject(new DroverError({code: 'unsupported', message: 'ssh-keygen is not on the PATH', fix: 'install OpenSSH 8.2 or newer'}));
      else reject(error);
    });
    child.on('close', (status) => resolve({status, stdout, stderr}));
  });
}

function lastLine({stdout, stderr}: Ended): string {
  return (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
}
