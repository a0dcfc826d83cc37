import {configDefaults, defineConfig} from 'vitest/config';

const rig = ['test/rig/**/*.test.ts', 'test/bucket/**/*.test.ts'];
const story = ['test/end-to-end/**/*.test.ts'];
const rigTimeoutMs = 10 * 60_000;
const slow = {maxWorkers: 3, testTimeout: rigTimeoutMs, hookTimeout: rigTimeoutMs, sequence: {groupOrder: 1}};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...rig, ...story],
          // Many of them wait: for a time that comes, for a host that hangs.
          maxWorkers: 3,
          // Only to end what hangs: a machine may be slow.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: {groupOrder: 0},
        },
      },
      {
        // The main job under constant traffic. The stories mostly wait for leases to run out, so that the rig's tests run beside them; they
        // begin first, as vitest goes by the names of projects in one group.
        test: {name: 'end-to-end', include: story, ...slow},
      },
      {
        // Real sshd, real proxies, a real object store: each file has namespaces and ports of its own.
        test: {name: 'rig', include: rig, ...slow},
      },
    ],
  },
});
