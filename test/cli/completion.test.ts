import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {beforeAll, describe, expect, it} from 'vitest';
import {type Candidate, type CommandShapes, completeWords, type NameRequest} from '../../src/lib/cli/complete-words.js';

const root = new URL('../..', import.meta.url).pathname;
const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {commands: CommandShapes};

const names: Readonly<Record<NameRequest['kind'], readonly Candidate[]>> = {
  app: [{word: 'shop'}],
  host: [{word: 'web1'}, {word: 'web2'}, {word: 'db1'}],
  silo: [{word: 'eu'}, {word: 'us'}],
  role: [{word: 'web'}],
  run: [{word: '20261121-093012-7f3a'}],
  snapshot: [{word: 'latest'}, {word: 'b759756a8420'}],
};

async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const found = await completeWords(words, commands, async ({kind}) => names[kind]);
  return found.map(({word}) => word);
}

describe('what completes a line', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['dep'], ['deploy']],
    [['nothing-like-it'], []],
    [
      ['lab', ''],
      ['demo', 'down', 'status', 'up'],
    ],
    [['lease', 'r'], ['release']],
    [
      ['push', ''],
      ['shop', 'latest', 'b759756a8420'],
    ],
    [['push', 'shop', 'b'], ['b759756a8420']],
    [['push', 'shop', 'latest', ''], []],
    [['report', '2026'], ['20261121-093012-7f3a']],
    [
      ['push', '--via', ''],
      ['direct', 'relay', 'store'],
    ],
    [['push', '--via=re'], ['--via=relay']],
    [['deploy', '--silo', 'e'], ['eu']],
    [['deploy', '--silo', '=', 'e'], ['eu']],
    [
      ['deploy', '--silo', '='],
      ['eu', 'us'],
    ],
    [
      ['deploy', '--hosts', 'web1,!w'],
      ['web1,!web1', 'web1,!web2'],
    ],
    [
      ['deploy', '--plan-o'],
      ['--plan-only', '--plan-out'],
    ],
    [['deploy', '--plan-only', '--plan-o'], ['--plan-out']],
    [['deploy', '--silo', 'eu', '--sil'], ['--silo']],
    [['deploy', '--reason', 'web'], []],
    [
      ['deploy', '--reason', '--hosts', ''],
      ['shop', 'latest', 'b759756a8420'],
    ],
    [['run', '--', 'upt'], []],
    [['constructor', ''], []],
    [['help', 'snapshot', 'l'], ['list']],
  ])('%j: %j', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });

  it('offers every command, each once, and no flag that is hidden', async () => {
    const all = await complete('');
    const first = new Set(Object.keys(commands).map((id) => id.split(':')[0]));
    expect([...all].sort()).toEqual([...first].sort());
    expect(await complete('snapshot', '')).toEqual(['diff', 'list', 'show', 'verify', 'shop']);
  });
});

const hasFish = spawnSync('fish', ['--version']).status === 0;

describe('the scripts in real shells', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'drover-completion-'));
    mkdirSync(path.join(folder, 'bin'));
    writeFileSync(path.join(folder, 'bin', 'drover'), `#!/bin/sh\nexec ${process.execPath} ${root}bin/run.js "$@"\n`, {mode: 0o755});
    writeFileSync(path.join(folder, 'inventory.yml'), 'hosts:\n  web[1-2].eu: {silo: eu, role: web}\n  db1: {silo: us, role: db}\n');
    writeFileSync(
      path.join(folder, 'drover.yml'),
      'inventory: inventory.yml\napps: {shop: {source: ., root: /srv/shop, hosts: "role:web"}}\n',
    );
    env = {...process.env, HOME: folder, PATH: `${folder}/bin:${process.env.PATH}`};
  });
  const ask = (shell: string, script: string) => {
    const {stdout, stderr, status} = spawnSync(shell, ['-c', script], {cwd: folder, env, encoding: 'utf8'});
    return {words: stdout.split('\n').filter((line) => line !== ''), stderr, status};
  };

  it('bash completes commands, hosts of the inventory and nothing else', () => {
    const script = `source <(drover completion bash)
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _drover; printf '%s\\n' "\${COMPREPLY[@]}"; }
try drover hea; try drover run --hosts w; try drover deploy --silo = u; complete -p drover`;
    expect(ask('bash', script)).toEqual({
      words: ['health', 'web1.eu', 'web2.eu', 'us', 'complete -o bashdefault -o default -F _drover drover'],
      stderr: '',
      status: 0,
    });
  });

  it.runIf(hasFish)('fish completes the same, and files where drover knows nothing', () => {
    const script = `drover completion fish | source
complete -C 'drover hea'; complete -C 'drover run --hosts w'; complete -C 'drover approve inv'`;
    expect(ask('fish', script).words).toEqual([
      expect.stringMatching(/^health\t/) as string,
      'web1.eu\teu web',
      'web2.eu\teu web',
      expect.stringMatching(/^inventory\.yml/) as string,
    ]);
  });

  it('offers no hosts where the inventory is a program, and does not run it', () => {
    writeFileSync(path.join(folder, 'hosts.sh'), `#!/bin/sh\ntouch ${folder}/ran\necho '{}'\n`, {mode: 0o755});
    expect(ask('sh', 'drover completion --words run -i hosts.sh --hosts ""; ls ran')).toMatchObject({words: [], status: 2});
  });
});
