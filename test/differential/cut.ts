import {spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';

/**
 * Where a verb is killed. `tool`: all of it at once, when it starts its nth program. `call`: only its shell, at the shell's nth system call of
 * those that change something; what it has started goes on to its end, as after the kill of a login.
 */
export interface Cut {
  readonly kind: 'tool' | 'call';
  readonly nth: number;
}

const strace = spawnSync('sh', ['-c', 'command -v strace && strace -qq -o /dev/null true'], {encoding: 'utf8'});
export const cutKinds: readonly Cut['kind'][] = strace.status === 0 ? ['tool', 'call'] : ['tool'];

const tools =
  'awk cat chmod cmp comm cp cut date dd df find flock grep head id ln ls mkdir mv readlink rm rmdir sed sha256sum sort stat sync tail tar tr wc xargs';
const counted = tools.split(' ').map((tool) => `${tool}() { tick; command ${tool} "$@"; }\n`);
const tick = 'tick() { printf . >>"$DROVER_COUNT"; [ "$(command wc -c <"$DROVER_COUNT")" -lt "$DROVER_DEADLY" ] || kill -KILL 0; }\n';
/** A switch that is armed is noted and not started; its seconds pass at once. Functions, because BusyBox asks no PATH for its own programs. */
const calm = [
  'setsid() { printf "%s|%s|%s|%s\\n" "$4" "$5" "$6" "$9" >>"$DROVER_WATCHERS"; }\n',
  'sleep() { [ "$1" = 1 ] || command sleep "$@"; }\n',
];

/** About how many programs a verb starts. strace counts each kind of call by itself: bash, which reads line by line, makes four times as many of one kind. */
const sizes: Readonly<Record<string, number>> = {'stage-commit': 36, gc: 12, lease: 16, switch: 20, revert: 18, confirm: 10};

/** The place in a verb, from 0 to 1, as a cut. */
export function placeCut(verb: string, kind: Cut['kind'], place: number, shell: string): Cut {
  const size = sizes[verb] ?? 8;
  if (kind === 'tool') return {kind, nth: 1 + Math.floor(place * size)};
  return {kind, nth: shell === 'bash' ? 30 + Math.floor(place * size * 4) : 1 + Math.floor(place * size)};
}

export interface CutPlan {
  /** Text in front of the shell's program, without single quotes. */
  readonly preamble: string;
  /** Words in front of the shell. */
  readonly wrap: readonly string[];
  readonly env: Record<string, string>;
}

/** `folder` gets the count of programs. */
export function planCut(cut: Cut | undefined, folder: string, watchers: string): CutPlan {
  const count = `${folder}.count`;
  writeFileSync(count, '');
  const calls = 'write,openat,clone,clone3,vfork,fork,wait4';
  const inject = [
    strace.stdout.trim(),
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:signal=KILL:when=${cut?.nth}`,
  ];
  return {
    preamble: [...calm, ...(cut?.kind === 'tool' ? [tick, ...counted] : [])].join(''),
    wrap: cut?.kind === 'call' ? inject : [],
    // Where the standard input is a socket, bash reads the rc file of its user.
    env: {HOME: '/', DROVER_WATCHERS: watchers, DROVER_COUNT: count, DROVER_DEADLY: String(cut?.nth ?? 0)},
  };
}
