/** One session as `show sess` prints it. */
export interface HaproxySession {
  /** Its address in the worker: `0x7f6f80039d90`. */
  readonly id: string;
  readonly ageS: number;
}

/** Process numbers of workers that a reload left behind, from the master's `show proc`. Undefined when the text is anything else. */
export function parseOldWorkers(text: string): readonly string[] | undefined {
  const lines = text.split('\n');
  if (!lines[0]?.startsWith('#<PID>')) return undefined;
  const workers: string[] = [];
  let isOld = false;
  for (const line of lines) {
    if (line.startsWith('#')) isOld = line.startsWith('# old workers');
    const [pid = '', type] = line.trim().split(/\s+/);
    if (isOld && type === 'worker' && /^\d+$/.test(pid)) workers.push(pid);
  }
  return workers;
}

/** The process that answers, from `show info`. A worker that was started anew has another number or began at another time. */
export function parseWorker(text: string): string | undefined {
  const pid = /^Pid: (\d+)$/m.exec(text)?.[1];
  return pid === undefined ? undefined : `${pid} ${/^Start_time_sec: (\d+)$/m.exec(text)?.[1] ?? ''}`.trim();
}

/** Sessions of one server, the oldest first, from `show sess`. */
export function parseSessions(text: string, backend: string, server: string): readonly HaproxySession[] {
  const sessions: HaproxySession[] = [];
  for (const line of text.split('\n')) {
    const id = /^(0x[0-9a-f]+): /.exec(line)?.[1];
    const fields = new Map(
      line.split(' ').map((field): [string, string] => [field.split('=')[0] ?? '', field.slice(field.indexOf('=') + 1)]),
    );
    if (id === undefined || fields.get('be') !== backend || fields.get('srv') !== server) continue;
    sessions.push({id, ageS: readAge(fields.get('age') ?? '')});
  }
  return sessions.sort((one, other) => other.ageS - one.ageS);
}

const unitS: Readonly<Record<string, number>> = {d: 86_400, h: 3600, m: 60, s: 1};

/** `5s`, `2m10s`, `1h4m`, `3d2h` */
function readAge(text: string): number {
  return [...text.matchAll(/(\d+)([dhms])/g)].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (unitS[unit] ?? 1), 0);
}
