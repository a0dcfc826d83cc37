import {cp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {beforeAll, describe, expect, it} from 'vitest';
import {policy, useReviewLab} from './review-lab.js';

describe('a plan file that was made', {timeout: 300_000}, () => {
  const {at, drover, succeed, refuse, renew, approve, dir} = useReviewLab();

  beforeAll(async () => {
    await renew();
    for (const name of ['one.json', 'good.json']) await succeed('deploy', '--all', '--plan-out', name);
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
    expect(await readdir(dir())).not.toContain('edited.json.sig-ana@example.com');
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
