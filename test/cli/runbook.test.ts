import {mkdtempSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {findCitedCommands} from '../../src/lib/cli/cited-commands.js';
import {runDrover} from './drover.js';

const root = new URL('../..', import.meta.url).pathname;
const first = new Set(['deploy', 'push', 'run', 'status', 'health', 'resume', 'rollback', 'lab', 'snapshot']);
const cite = (...lines: readonly string[]): readonly string[] =>
  findCitedCommands(lines.join('\n'), first).map(({line, column, words}) => `${line}:${column} ${words.join(' ')}`);
const fence = (...lines: readonly string[]): readonly string[] => ['```sh', ...lines, '```'];

describe('the drover commands of a Markdown document', () => {
  it.each<[what: string, document: readonly string[], found: readonly string[]]>([
    ['a block', fence('drover status', '', 'drover push shop'), ['2:1 status', '4:1 push shop']],
    ['a block of tildes, in a list', ['1. push:', '', '   ~~~', '   drover push', '   ~~~'], ['4:4 push']],
    ['an indented block', ['Then:', '', '    drover status'], ['3:5 status']],
    ['a quoted block', ['> ```', '> drover status', '> ```'], ['2:3 status']],
    [
      'code in a sentence, over two lines',
      ['first `drover status`, then `drover', 'health shop` and `drover`'],
      ['1:8 status', '1:30 health shop', '2:19 '],
    ],
    ['other code in a sentence', ['`the drover status`, `npm i -g drover`'], []],
    [
      'a session: what it answers is none',
      fence('$ drover status', 'drover deploy is next', 'root@ops:~# drover health'),
      ['2:3 status', '4:13 health'],
    ],
    ['a line that goes on', fence('drover deploy \\', '  --yes \\', '  shop', 'drover status'), ['2:1 deploy --yes shop', '5:1 status']],
    [
      'pipes, lists and groups',
      fence('drover status | grep web && (drover health; ! drover push)'),
      ['2:1 status', '2:30 health', '2:47 push'].sort(),
    ],
    [
      'substitutions',
      fence('RUN=$(drover deploy --json) drover resume "$(drover status -q)" && x=`drover health`'),
      ['2:7 deploy --json', '2:71 health', '2:46 status -q', '2:29 resume $(drover status -q)'].sort(),
    ],
    ['redirections and comments', fence('drover run --all -- true >out 2>&1 </dev/null # drover nothing'), ['2:1 run --all -- true']],
    ['what stands before a command', fence('sudo -u deploy FOO=1 timeout 10m ./node_modules/.bin/drover status'), ['2:54 status']],
    [
      'after another program',
      fence('ssh ops drover status', "bash -c 'cd /srv; drover health'", 'docker run -it ops drover push'),
      ['2:9 status', '3:19 health', '4:20 push'],
    ],
    [
      'the name alone, of a package or folder',
      fence('npm install -g drover', 'cd drover', 'git clone x/drover', 'echo drover is fine'),
      [],
    ],
    [
      'the body of a here-document',
      fence("cat <<'END' | drover snapshot", 'drover nonsense', 'END', 'drover status'),
      ['2:15 snapshot', '5:1 status'],
    ],
    ['YAML', ['```yaml', 'steps:', '  - run: drover push', '  - run: "drover status"', 'drover: yes', '```'], ['3:10 push', '4:11 status']],
    [
      'what is no shell',
      ['```text', 'drover 0.1.0 is installed', '```', '```diff', '- drover old', '```', '```json', '{"up": "drover push"}', '```'],
      [],
    ],
    ['a user of that name', fence('sudo -u drover git pull', 'sudo -Hu drover ls', 'sudo -E drover status'), ['4:9 status']],
    [
      'quotes over lines',
      fence("run --all -- '", '  drover restart me', "'", 'git commit -m "x', '', 'drover is upgraded"', 'drover status'),
      ['8:1 status'],
    ],
    ['HTML and its comments', ['<!--', '`drover old-way`', '-->', '', 'a <!-- `drover older` --> b'], []],
    [
      'shifts and other things that begin no here-document',
      fence('x=$((1<<3))', '# see <<EOF', 'echo "<<EOF"', 'drover status'),
      ['5:1 status'],
    ],
    [
      'a here-document with a longer end',
      fence('cat <<E-F | drover push', 'drover nonsense', 'E-F', 'drover status'),
      ['2:13 push', '5:1 status'],
    ],
    ['a # within a word', fence('curl http://x/#a && drover status --reason fix-#123 -q'), ['2:21 status --reason fix-#123 -q']],
    ['a table', ['| a | b |', '| - | - |', '| x | `drover status` |'], ['3:8 status']],
    ['quotes', fence('drover push --reason "two words; drover status"'), ['2:1 push --reason two words; drover status']],
    [
      'an end of quotes that is missing, and a brace',
      fence('drover push "shop', 'drover resume ${RUN'),
      ['2:1 push shop', '3:1 resume ${RUN'],
    ],
    ['Windows line ends', ['```\r', 'drover status\r', '```\r'], ['2:1 status']],
  ])('%s', (_, document, found) => {
    expect([...cite(...document)].sort()).toEqual([...found].sort());
  });

  it('takes what is left open as such', () => {
    expect(findCitedCommands('```\ndrover deploy …\ndrover push [APP] [--via <way of sending>]\n```\n`drover push`', first)).toMatchObject([
      {words: ['deploy'], isPartial: true},
      {words: ['push', 'APP', '--via', '\uE000way-of-sending'], isPartial: false},
      {words: ['push'], isPartial: true},
    ]);
  });
});

describe('drover runbook check', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drover-runbook-'));
  const check = (text: string, env: Readonly<Record<string, string>> = {}) => {
    writeFileSync(path.join(folder, 'book.md'), text);
    return runDrover(['runbook', 'check', 'book.md'], {cwd: folder, env});
  };

  it('says of each command that is wrong what the command would say, and where it stands', async () => {
    const {status, stderr, stdout} = await check(
      [
        'Take `drover deplyo`, or `drover deploy shop --at`, or `drover --yes deploy`.',
        '```',
        'drover deploy shop --quite',
        'drover push --via pigeon',
        'drover run --all --timeout 5 -- true',
        'drover warm --concurrency 0',
        'drover lease release',
        'drover approve',
        'drover report one two',
        'drover lab upp',
        'drover deploy --hosts-from 20261121-093012-7f3a:failed --all',
        '```',
      ].join('\n'),
    );
    expect({status, stdout}).toEqual({status: 3, stdout: ''});
    expect(stderr.split('\n').map((line) => line.replace('error[invalid-file]: drover ', ''))).toEqual([
      'deplyo: unknown command "deplyo" (book.md:1:7); did you mean "deploy"?',
      '--yes deploy: flags go after the command, got "--yes deploy" first (book.md:1:57); for example: drover deploy --config drover.yml',
      'deploy shop --quite: unknown flag --quite (book.md:3:1); did you mean --quiet?',
      'push --via pigeon: --via must be one of direct, relay, store, got "pigeon" (book.md:4:1); see --help',
      'run --all --timeout 5 -- true: --timeout needs a unit, for example 5s or 2m, got "5" (book.md:5:1)',
      'warm --concurrency 0: --concurrency must be a whole number 1..1000, got "0" (book.md:6:1)',
      'lease release: --id is missing (book.md:7:1); see --help',
      expect.stringMatching(/^approve: .*(book.md:8:1)/),
      'report one two: unexpected argument "two" (book.md:9:1); see --help',
      'lab upp: unknown command "lab upp" (book.md:10:1); did you mean "lab up"?',
      '',
    ]);
  });

  it('takes placeholders for any value, and nothing from the environment', async () => {
    const text = [
      '```',
      'drover resume $RUN --concurrency <number>',
      'drover lease release --id RUN --takeover --reason "$WHY"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own braces
      'drover push APP [SNAPSHOT] --via ${WAY}',
      'drover COMMAND --help',
      'drover deploy --help --whatever',
      'drover --version',
      'drover lab',
      'drover help deploy',
      '```',
      'In words: `drover rollback`, `drover lease release`, `drover deploy --at`, `drover resume RUN …`.',
    ].join('\n');
    const {status, stdout, stderr} = await check(text, {DROVER_CONCURRENCY: 'many', DROVER_CONFIG: 'missing.yml'});
    expect({status, stdout, stderr}).toEqual({status: 0, stdout: 'book.md: 12 commands, right for this version\n', stderr: ''});
    expect((await check('# nothing')).stdout).toBe('book.md: no drover command in it\n');
  });

  it('refuses what it cannot read', async () => {
    const run = (...words: readonly string[]) => runDrover(['runbook', 'check', ...words], {cwd: folder});
    expect(await run()).toMatchObject({status: 2, stderr: expect.stringContaining('no file was named')});
    expect(await run('none.md')).toMatchObject({status: 3, stderr: expect.stringContaining('runbook none.md not found')});
    writeFileSync(path.join(folder, 'latin1.md'), Buffer.from([0x64, 0xe9, 0x0a]));
    expect(await run('latin1.md')).toMatchObject({status: 3, stderr: expect.stringContaining('not UTF-8 text: byte 0xE9 (latin1.md:1:2)')});
  });

  it("finds nothing wrong in this project's own documents", async () => {
    const documents = readdirSync(path.join(root, 'docs'), {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.md'));
    const files = ['README.md', ...documents.map((name) => path.join('docs', name))];
    const {status, stdout, stderr} = await runDrover(['runbook', 'check', ...files], {cwd: root});
    expect({status, stderr}).toEqual({status: 0, stderr: ''});
    expect(Number(/README\.md: (\d+) commands/.exec(stdout)?.[1])).toBeGreaterThan(10);
  });

  it('finds nothing wrong in the examples of the commands', async () => {
    const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, {examples?: readonly string[]}>;
    };
    const examples = Object.values(commands).flatMap((command) => command.examples ?? []);
    expect(examples.length).toBeGreaterThan(30);
    const {status, stderr} = await check(['```', ...examples, '```'].join('\n'));
    expect({status, stderr}).toEqual({status: 0, stderr: ''});
  });
});
