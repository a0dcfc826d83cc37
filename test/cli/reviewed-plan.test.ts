import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {useReviewLab} from './review-lab.js';

describe('a reviewed plan', {timeout: 300_000}, () => {
  const {at, droverWith, drover, succeed, refuse, renew, approve, live, dir, lab} = useReviewLab();

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
    expect(await readdir(dir())).not.toContain('x.json');
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
      `cat ~/*/.drover/journal ${lab().dir}/*/.drover/journal 2>/dev/null | grep ' unsafe ' | tail -n 1`,
    );
    expect(stdout).toContain('unsafe without-approval: the site is down');
  });
});
