import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {describe, expect, it} from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** A campaign as `npm run` starts it; gives its status, last line, and what it found. */
async function prove(...args: readonly string[]): Promise<{status: number; line: string; said: string}> {
  try {
    const {stdout, stderr} = await run(process.execPath, [path.join(root, 'scripts', 'prove.mjs'), ...args], {
      cwd: root,
      maxBuffer: 2 ** 26,
    });
    return {status: 0, line: stdout.trim(), said: stderr};
  } catch (error) {
    const {code, stdout, stderr} = error as {code: number; stdout: string; stderr: string};
    return {status: code, line: stdout.trim(), said: stderr};
  }
}

describe('the simulator', {timeout: 600_000}, () => {
  it('L0 L1 L2 L3 I1 to I17: finds no violation where calls fail, runs die twice or operators meet, on one host, nor in worlds where a seed decides', async () => {
    const {status, line, said} = await prove('simulate', '--short');
    expect(line, said).toMatch(/^\d{3,} schedules \(exhaustive: (\d+) of \1\), \d{5,} events, invariant violations: 0$/);
    expect(status).toBe(0);
  });

  it('L6: finds bugs that are planted', async () => {
    const {status, line, said} = await prove('planted', '--short');
    expect(line, said).toBe('4 planted, 4 found');
    expect(status).toBe(0);
  });

  it('I3: a way back leaves no run open on hosts that it never moved', async () => {
    const world = {
      ...{seed: 362, silos: [3, 2], floor: 0, budget: 1, soakMs: 0, confirmMs: 20_000, isDrained: true, badOn: []},
      actors: [
        {command: 'other-deploy', startMs: 0, faults: [], silos: ['us']},
        {command: 'deploy', startMs: 124_412, faults: [{nth: 24, kind: 'kill-before'}]},
      ],
    };
    const {status, said} = await prove('simulate', '--schedule', JSON.stringify(world));
    expect(said).toContain('eu-1 takes b back by itself');
    expect(said).toContain('us-1 release');
    expect(status, said).toBe(0);
  });

  it('A2: a rollback leads back no host that the deploy died too early to leave its plan on', async () => {
    const world = {
      ...{seed: 1, silos: [2], floor: 1, budget: 0, soakMs: 0, confirmMs: 300_000, isDrained: true, badOn: []},
      actors: [
        {command: 'deploy', startMs: 0, faults: [{nth: 8, kind: 'kill-before'}]},
        {command: 'rollback', startMs: 0, faults: [], isAfter: true, waitLeaseMs: 300_000},
      ],
    };
    const {status, said} = await prove('simulate', '--schedule', JSON.stringify(world));
    expect(said).toContain("ben's rollback ends: 0 converged");
    expect(status, said).toBe(0);
  });

  it('I8: a rollback that dies as well does not let a host go back to what was never healthy there', async () => {
    const world = {
      ...{seed: 1, silos: [2], floor: 1, budget: 0, soakMs: 0, confirmMs: 300_000, isDrained: true, badOn: []},
      actors: [
        {command: 'deploy', startMs: 0, faults: [{nth: 13, kind: 'kill-before'}]},
        {command: 'rollback', startMs: 95_000, isAfter: true, waitLeaseMs: 300_000, faults: [{nth: 13, kind: 'kill-after'}]},
      ],
    };
    const {status, said} = await prove('simulate', '--schedule', JSON.stringify(world));
    expect(said).toContain('eu-1 switch');
    expect(said).not.toContain('takes a back by itself');
    expect(status, said).toBe(0);
  });

  it('I8: a run that took over half a deploy goes back to what was proven, and not to that half', async () => {
    const world = {
      ...{seed: 1, silos: [2], floor: 1, budget: 0, soakMs: 0, confirmMs: 300_000, isDrained: true, badOn: []},
      actors: [
        {command: 'deploy', startMs: 0, faults: [{nth: 14, kind: 'kill-before'}]},
        {command: 'other-deploy', startMs: 95_000, isAfter: true, waitLeaseMs: 300_000, faults: [{nth: 23, kind: 'kill-before'}]},
      ],
    };
    const {status, said} = await prove('simulate', '--schedule', JSON.stringify(world));
    expect(said).toContain('eu-1 revert');
    expect(status, said).toBe(0);
  });

  it('plays the same world for the same seed, one line per event', async () => {
    const [one, other] = await Promise.all([prove('simulate', '--seed', '7'), prove('simulate', '--seed', '7')]);
    expect(one).toEqual(other);
    expect(one.said).toMatch(/^ +\d+\.\d{3} s {2}\[[A-Za-z!*-]+\] {2}eu-1 switch$/m);
    expect(one.status).toBe(0);
  });
});
