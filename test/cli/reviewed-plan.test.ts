import {execFileSync} from 'node:child_process';
import {appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

const policy = 'review: {allowed_signers: allowed_signers, approvals: 1, emergency: true}\n';

describe('a reviewed plan', {timeout: 180_000}, () => {
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

  it('is the only way where the policy asks for approvals, and the refusal names the commands to type', async () => {
    const before = await live();
    await renew();
    await refuse(
      4,
      'wants 1 approval; type: drover deploy --all --reason \'a "b"\' --plan-out plan.json; then each approver: drover approve plan.json; then: drover deploy --plan plan.json',
      ...['deploy', '--all', '--yes', '--reason', 'a "b"'],
    );
    await refuse(4, '--without-approval wants a reason', 'deploy', '--all', '--yes', '--without-approval');
    expect(await live()).toBe(before);
  });

  it('goes from its author over an approver to the hosts, once: F9, XP7', async () => {
    const id = await renew();
    const before = await live();
    const made = await succeed('deploy', '--all', '--plan-out', 'plan.json', '--expires', '4h', '--reason', 'the sale', '--json');
    const {digest} = JSON.parse(made.stdout) as {digest: string};
    expect(await live()).toBe(before);
    await refuse(4, '1 approvals are wanted, and none counted', 'deploy', '--plan', 'plan.json');
    const approved = await approve('bob', 'plan.json');
    expect(approved.stdout).toMatch(/^approved by bob@example\.com with SHA256:\S+: wrote plan\.json\.sig-bob@example\.com\n$/);
    expect(approved.stderr).toContain(digest);
    expect(approved.stderr).toContain(id);
    const applied = await succeed('deploy', '--plan', 'plan.json');
    expect(applied.stderr).toMatch(/plan \w+: 2 hosts .*, by \S+, approved by bob@example\.com/);
    expect(applied.stderr).toContain('the sale');
    expect((await live()).split(id)).toHaveLength(3);
    await refuse(4, /the plan was applied at .* by .* \(run .*\); make a new plan/, 'deploy', '--plan', 'plan.json');
  });

  it('gives the same digest of what will happen, whenever and wherever it is made', async () => {
    await renew();
    for (const name of ['one.json', 'two.json']) await succeed('deploy', '--all', '--plan-out', name);
    const [one, two] = (await Promise.all(['one.json', 'two.json'].map((name) => readFile(at(name), 'utf8')))).map(
      (text) => JSON.parse(text) as Record<string, unknown>,
    );
    for (const field of ['made', 'expires', 'nonce', 'digest']) {
      expect(one?.[field]).not.toBe(two?.[field]);
      delete one?.[field];
      delete two?.[field];
    }
    expect(one).toEqual(two);
    await refuse(4, 'one.json is there already', 'deploy', '--all', '--plan-out', 'one.json');
  });

  it('F8 XP4: is stale on every host that another plan has moved', async () => {
    await renew();
    for (const name of ['a.json', 'b.json']) {
      await succeed('deploy', '--all', '--plan-out', name);
      await approve('bob', name);
    }
    await succeed('deploy', '--plan', 'a.json');
    const ended = await drover('deploy', '--plan', 'b.json');
    expect([ended.status, ended.stderr]).toEqual([
      4,
      expect.stringMatching(/is stale on 2 of 2 hosts: web1 is on \w{12} \(expected \w{12}\), web2 is on .*; make a new plan/),
    ]);
  });

  it('T22: is no way back to what was served when it was made', async () => {
    await renew();
    await succeed('deploy', '--all', '--plan-out', 'old.json');
    await approve('bob', 'old.json');
    await renew();
    await succeed('deploy', '--all', '--yes', '--without-approval', '--reason', 'now');
    await succeed('rollback', '--all', '--yes');
    await refuse(4, /stale on 2 of 2 hosts: web1 was leased since \(epoch \d+, expected \d+\)/, 'deploy', '--plan', 'old.json');
  });

  describe('that was made', () => {
    beforeAll(async () => {
      await renew();
      await succeed('deploy', '--all', '--plan-out', 'good.json');
    });
    const copy = async (name: string, edit: (text: string) => string): Promise<string> => {
      await writeFile(at(name), edit(await readFile(at('good.json'), 'utf8')));
      await cp(at('good.json.author'), at(`${name}.author`));
      return name;
    };

    it('XP1: and is no plan any more, says where', async () => {
      const cut = await copy('cut.json', (text) => text.slice(0, 200));
      await refuse(
        3,
        /cut\.json is not a plan: line \d+:\d+: .*the end of the file; make one with: drover deploy --plan-out FILE/,
        'deploy',
        '--plan',
        cut,
      );
      await refuse(3, 'is not a plan', 'approve', cut, '--yes');
      await refuse(3, 'empty.json is not a plan: it is empty', 'deploy', '--plan', await copy('empty.json', () => ''));
      await refuse(
        3,
        'it has no "drover-plan"',
        'deploy',
        '--plan',
        await copy('other.json', () => '{"version": 4, "resource_changes": []}'),
      );
      await refuse(3, /twice/, 'deploy', '--plan', await copy('twice.json', (text) => text.replace('{', '{"author": "x",')));
      await refuse(3, 'plan none.json not found', 'deploy', '--plan', 'none.json');
    });

    it('XP2: and was edited, is refused by who approves and who carries out', async () => {
      const edited = await copy('edited.json', (text) => text.replace(/"budget": \d+/, '"budget": 7'));
      const text = /edited\.json was changed after it was made \(digest \w{12}, not \w{12}\); make a new plan/;
      await refuse(9, text, 'deploy', '--plan', edited);
      await refuse(9, text, 'approve', edited, '--yes');
      expect(await readdir(dir)).not.toContain('edited.json.sig-ana@example.com');
    });

    it('XP8: by a newer drover, is told from a broken one', async () => {
      const newer = await copy('newer.json', (text) => text.replace('"drover-plan": 1', '"drover-plan": 3'));
      await refuse(3, 'newer.json has plan format 3, and this drover knows format 1', 'deploy', '--plan', newer);
    });

    it('XP5: for another app or fleet, is not for this one', async () => {
      await refuse(4, 'good.json is for app "site", this is "code"', 'deploy', 'code', '--plan', 'good.json');
      await approve('bob', 'good.json');
      await cp(at('inventory.yml'), at('staging.yml'));
      await refuse(
        4,
        'the plan is for "site" of inventory.yml, this is "site" of staging.yml',
        'deploy',
        '--plan',
        'good.json',
        '-i',
        'staging.yml',
      );
      await rm(at('good.json.sig-bob@example.com'));
    });

    it('F10 T24: counts whom the policy of the project names, not its author, nobody twice, and nothing older', async () => {
      await refuse(4, 'you made this plan', 'approve', 'good.json', '--yes', '--key', at('ana'));
      await refuse(4, /key SHA256:\S+ is nobody's in allowed_signers/, 'approve', 'good.json', '--yes', '--key', at('stranger'));
      // Signed where no policy was at hand, and brought beside the plan.
      const sign = async (who: string, plan: string): Promise<void> => {
        await succeed('approve', plan, '--yes', '--key', at(who), '--as', who, '--config', 'nowhere.yml');
      };
      await sign('ana', 'good.json');
      await sign('stranger', 'good.json');
      await sign('bob', 'one.json');
      await cp(at('one.json.sig-bob'), at('good.json.sig-bob'));
      await writeFile(at('good.json.sig-junk'), 'not a signature\n');
      const ended = await drover('deploy', '--plan', 'good.json');
      expect(ended.status).toBe(4);
      expect(ended.stderr).toContain('good.json.sig-ana is by ana@example.com, who made the plan');
      expect(ended.stderr).toMatch(/good\.json\.sig-stranger is by key SHA256:\S+, which may not approve/);
      expect(ended.stderr).toContain('good.json.sig-bob is for another plan, or for what this one was before');
      expect(ended.stderr).toContain('good.json.sig-junk is no signature');
      await cp(at('good.json.sig-stranger'), at('good.json.author'));
      await sign('ana', 'good.json');
      await refuse(4, 'the author is not known', 'deploy', '--plan', 'good.json');
    });

    it('T24: asks for two people and an owner, whoever the plan says there are', async () => {
      await renew();
      await succeed('deploy', '--all', '--plan-out', 'two-of-us.json');
      const yml = await readFile(at('drover.yml'), 'utf8');
      await writeFile(
        at('drover.yml'),
        yml.replace(policy, 'review: {allowed_signers: allowed_signers, approvals: 2, owners: [carol@example.com]}\n'),
      );
      await approve('bob', 'two-of-us.json');
      await cp(at('two-of-us.json.sig-bob@example.com'), at('two-of-us.json.sig-again'));
      await refuse(
        4,
        /2 approvals are wanted, and 1 \(bob@example\.com\) counted: .* is by bob@example\.com again/,
        'deploy',
        '--plan',
        'two-of-us.json',
      );
      await refuse(4, 'allows no deploy without approval', 'deploy', '--all', '--yes', '--without-approval', '--reason', 'x');
      await approve('carol', 'two-of-us.json');
      await succeed('deploy', '--plan', 'two-of-us.json');
      await writeFile(at('drover.yml'), yml);
    });
  });

  it('is refused when the settings are not those that were approved', async () => {
    await renew();
    await succeed('deploy', '--all', '--plan-out', 'settings.json');
    await approve('bob', 'settings.json');
    const yml = await readFile(at('drover.yml'), 'utf8');
    await writeFile(at('drover.yml'), yml.replace(/restart: .*/, 'restart: rm -rf /nowhere'));
    await refuse(4, 'the project says something else than when the plan was made: apps.site.restart', 'deploy', '--plan', 'settings.json');
    await writeFile(at('drover.yml'), yml);
    await rm(at('settings.json.sig-bob@example.com'));
  });

  it('XN18: comes by standard input with its signatures named, and never from a terminal or nobody', async () => {
    await refuse(2, '--plan - expects the plan on standard input', 'deploy', '--plan', '-');
    const id = await renew();
    await succeed('deploy', '--all', '--plan-out', 'piped.json');
    await approve('bob', 'piped.json');
    const words = ['deploy', '--plan', '-', '--approval', 'piped.json.sig-bob@example.com', '--approval', 'piped.json.author'];
    const ended = await droverWith({}, words, await readFile(at('piped.json')));
    expect(ended.status, ended.stderr).toBe(0);
    expect((await live()).split(id)).toHaveLength(3);
  });

  it('names its hosts by itself: a selection beside it is refused', async () => {
    await refuse(
      2,
      '--plan FILE names what happens to which hosts; --all means nothing beside it',
      'deploy',
      '--all',
      '--plan',
      'piped.json',
    );
    await refuse(2, '--expires means nothing without --plan-out', 'deploy', '--all', '--expires', '4h');
    await refuse(2, '--expires must be 1m to 168h', 'deploy', '--all', '--plan-out', 'x.json', '--expires', '200h');
    expect(await readdir(dir)).not.toContain('x.json');
  });

  it('T23: is shown with every control character of its text made visible', async () => {
    await renew();
    const reason = 'fine\u001b[2J\u202ehidden';
    await succeed('deploy', '--all', '--plan-out', 'tricky.json', '--reason', reason);
    const shown = await approve('bob', 'tricky.json');
    expect(shown.stderr).toContain('fine\\x1b[2J\\u202ehidden');
    expect(shown.stderr).not.toContain('\u001b');
  });

  it("takes a rollback along, without anybody's approval", async () => {
    await succeed('rollback', '--all', '--plan-out', 'back.json');
    await refuse(4, 'back.json is a plan to rollback; drover rollback --plan back.json', 'deploy', '--plan', 'back.json');
    const {rollout} = JSON.parse(await readFile(at('back.json'), 'utf8')) as {rollout: {hosts: {to: string}[]}};
    await succeed('rollback', '--plan', 'back.json');
    expect((await live()).split(`"live": "${rollout.hosts[0]?.to}"`)).toHaveLength(3);
  });

  it('T40: is gone without in an emergency by a flag of its own, in red, in the record and in the journal of every host', async () => {
    const env = {FORCE_COLOR: '1'};
    await renew();
    const ended = await droverWith(env, ['deploy', '--all', '--yes', '--without-approval', '--reason', 'the site is down']);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('\u001b[31mwarning: a safety is left out by --without-approval: the site is down');
    expect(ended.stderr).toContain('LEFT OUT: --without-approval');
    const {stdout} = await succeed(
      'run',
      '--all',
      '--',
      `cat ~/*/.drover/journal ${lab.dir}/*/.drover/journal 2>/dev/null | grep ' unsafe ' | tail -n 1`,
    );
    expect(stdout).toContain('unsafe without-approval: the site is down');
  });
});
