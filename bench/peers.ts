import {spawnSync} from 'node:child_process';

/** The version a program tells of itself, undefined when it is not installed. */
export function findPeer(program: string, question = '--version'): string | undefined {
  const {error, stdout, stderr} = spawnSync(program, [question], {encoding: 'utf8'});
  if (error !== undefined) return undefined;
  const version = /\d+(?:\.\d+)+|casync \d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'of unknown version';
  return `${program} ${version.replace(`${program} `, '')}`;
}

/** Which of the programs are there; what is not is told on stderr. */
export function listPeers(programs: readonly (readonly [program: string, question?: string])[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [program, question] of programs) {
    const version = findPeer(program, question);
    if (version === undefined) process.stderr.write(`left out: ${program} is not installed\n`);
    else found.set(program, version);
  }
  return found;
}
