import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';
import type {Host, HostName, Inventory, RoleName, SiloName} from '../../src/lib/inventory/host.js';
import {matchExpression, type SelectionRequest, selectHosts} from '../../src/lib/inventory/selection.js';
import {matchesWildcard} from '../../src/lib/inventory/wildcard.js';

function makeHost(name: string, silo: string, ...roles: string[]): Host {
  return {name: name as HostName, silo: silo as SiloName, roles: roles as RoleName[], ssh: {link: 'auto', connectTimeoutMs: 10_000}};
}

const inventory: Inventory = {
  file: 'inventory.yml',
  hosts: [
    makeHost('web01', 'eu-west', 'web'),
    makeHost('web02', 'eu-west', 'web', 'worker'),
    makeHost('web03', 'eu-west', 'web'),
    makeHost('web01.us', 'us-east', 'web'),
    makeHost('web02.us', 'us-east', 'web'),
    makeHost('lb1', 'eu-west', 'balancer'),
  ],
};

const names = (request: SelectionRequest): string[] => selectHosts(inventory, request).map(({name}) => name);

function refusal(request: SelectionRequest): string {
  try {
    return `selected: ${names(request).join(',')}`;
  } catch (error) {
    if (error instanceof DroverError) return formatProblem(error.problems[0]);
    throw error;
  }
}

describe('selectHosts()', () => {
  it.each<[SelectionRequest, string]>([
    [{hosts: 'web01'}, 'web01'],
    [{hosts: 'web[01-02]'}, 'web01 web02'],
    [{hosts: 'web0?'}, 'web01 web02 web03'],
    [{hosts: 'web*'}, 'web01 web02 web03 web01.us web02.us'],
    [{hosts: 'role:web&silo:eu-west!web03'}, 'web01 web02'],
    [{hosts: '@role:web & @silo:us-east'}, 'web01.us web02.us'],
    [{hosts: 'lb1,web01'}, 'web01 lb1'],
    [{hosts: 'silo:eu*!role:balancer'}, 'web01 web02 web03'],
    [{hosts: 'all,!role:web'}, 'lb1'],
    [{hosts: 'web01,web02&role:worker'}, 'web02'],
    [{hosts: 'web[01,03]!web01'}, 'web03'],
    [{silo: ['us-east']}, 'web01.us web02.us'],
    [{silo: ['us-east,eu-west'], role: ['balancer']}, 'lb1'],
    [{role: ['worker', 'balancer']}, 'web02 lb1'],
    [{all: true}, 'web01 web02 web03 web01.us web02.us lb1'],
    [{all: true, within: 'role:web'}, 'web01 web02 web03 web01.us web02.us'],
    [{hosts: 'all', within: 'role:balancer'}, 'lb1'],
    [{all: true, exclude: 'role:balancer,web01*', limit: 2}, 'web02 web03'],
  ])('%j selects %s', (request, selected) => {
    expect(names(request).join(' ')).toBe(selected);
  });

  it.each<[string, SelectionRequest, string]>([
    ['XN7', {all: true, hosts: 'web01'}, 'use --all or --hosts, not both; remove one of them'],
    ['XN7', {all: true, silo: ['eu-west']}, 'use --all or --silo, not both; remove one of them'],
    ['XN8', {}, 'no hosts selected; name them with --hosts/--silo, or write --all'],
    ['XN8', {silo: [], role: [], all: false}, 'no hosts selected; name them with --hosts/--silo, or write --all'],
    ['XN8', {within: 'role:web'}, 'no hosts selected; name them with --hosts/--silo, or write --all'],
    ['XN8', {exclude: 'web01'}, 'no hosts selected; name them with --hosts/--silo, or write --all'],
    ['XN8', {limit: 1}, 'no hosts selected; name them with --hosts/--silo, or write --all'],
    ['XN9', {silo: ['eu-wset']}, '--silo "eu-wset" matches no host; silos are: eu-west, us-east; did you mean "eu-west"?'],
    ['XN9', {silo: ['asia']}, '--silo "asia" matches no host; silos are: eu-west, us-east'],
    ['XN9', {role: ['db']}, '--role "db" matches no host; roles are: balancer, web, worker'],
    ['XN9', {hosts: 'role:wbe'}, '--hosts role "wbe" matches no host; roles are: balancer, web, worker; did you mean "web"?'],
    ['XN9', {hosts: 'web[02-05]'}, '--hosts "web[04-05]" matches no host; hosts are: lb1, web[01-03], web[01-02].us'],
    ['XN9', {hosts: 'db*'}, '--hosts "db*" matches no host; hosts are: lb1, web[01-03], web[01-02].us'],
    ['XN9', {all: true, exclude: 'web99'}, '--exclude "web99" matches no host; hosts are: lb1, web[01-03], web[01-02].us'],
    ['empty', {hosts: ''}, '--hosts is empty; name hosts, or write all'],
    ['empty', {hosts: '  '}, '--hosts is empty; name hosts, or write all'],
    ['empty', {silo: ['']}, '--silo is empty; name a silo, or write --all'],
    ['empty', {silo: ['eu-west,']}, '--silo is empty; name a silo, or write --all'],
    ['empty', {all: true, exclude: ''}, '--exclude is empty; name hosts, or write all'],
    ['empty', {all: true, within: ''}, 'hosts of the app is empty; name hosts, or write all'],
    [
      'nothing in common',
      {hosts: 'lb1', silo: ['us-east']},
      'no host matches everything that was asked for; widen --hosts, --silo or --role',
    ],
    ['outside the app', {hosts: 'lb1', within: 'role:web'}, 'lb1 does not carry the app; the app is on "role:web"; select from these'],
    ['nothing left', {hosts: 'web01', exclude: 'role:web'}, '--exclude "role:web" leaves no host; exclude fewer'],
    ['limit', {all: true, limit: 0}, '--limit must be a whole number from 1, got 0; write, for example, --limit 1'],
    ['limit', {all: true, limit: Number.NaN}, '--limit must be a whole number from 1, got NaN; write, for example, --limit 1'],
    ['grammar', {hosts: '!web01'}, '--hosts "!web01" takes hosts away from nothing; write "all!web01"'],
    ['grammar', {hosts: 'web01,'}, '--hosts "web01," lacks a name after ","; name hosts, or remove it'],
    ['grammar', {hosts: '&web01'}, '--hosts "&web01" lacks a name before "&"; name hosts, or remove it'],
    ['grammar', {hosts: 'web01&&web02'}, '--hosts "web01&&web02" lacks a name after "&"; name hosts, or remove it'],
    ['grammar', {hosts: 'role:'}, '--hosts "role:" does not name a role; write, for example, role:web'],
    ['grammar', {hosts: 'web-[9-1]'}, 'host "web-[9-1]" counts down; write "web-[1-9]"'],
    [
      'grammar',
      {hosts: '-oProxyCommand=x'},
      '--hosts "-oProxyCommand=x" is not a host; write a host set like web[1-3], role:NAME, silo:NAME or all, joined by "," "&" or "!"',
    ],
  ])('D6: refuses, %s: %j', (_, request, line) => {
    expect(refusal(request)).toBe(`error[selection]: ${line}`);
  });

  it('offers the long name to who wrote the short one', () => {
    const fleet = {file: 'x', hosts: [makeHost('db1.eu.example.com', 'eu', 'db')]};
    expect(() => selectHosts(fleet, {hosts: 'db1'})).toThrow(
      expect.objectContaining({problems: [expect.objectContaining({fix: expect.stringContaining('did you mean "db1.eu.example.com"?')})]}),
    );
  });
});

describe('the algebra of expressions', () => {
  const term = fc.constantFrom('all', 'role:web', 'role:worker', 'silo:eu-west', 'silo:us-east', 'web0*', 'web[01-02]', 'lb1', 'web02.us');
  const match = (text: string): string[] => matchExpression(inventory, text, '--hosts').map(({name}) => name);

  it('every operator is that of sets, and the order is that of the inventory', () => {
    fc.assert(
      fc.property(term, term, (one, other) => {
        const [left, right] = [new Set(match(one)), new Set(match(other))];
        const order = inventory.hosts.map(({name}) => name);
        expect(match(`${one},${other}`)).toEqual(order.filter((name) => left.has(name) || right.has(name)));
        expect(match(`${one}&${other}`)).toEqual(order.filter((name) => left.has(name) && right.has(name)));
        expect(match(`${one}!${other}`)).toEqual(order.filter((name) => left.has(name) && !right.has(name)));
      }),
    );
  });

  it('what is taken away last is never selected', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(',', '&', '!'), term)), term, term, (steps, first, last) => {
        const text = first + steps.map(([operator, name]) => operator + name).join('');
        const away = new Set(match(last));
        expect(match(`${text}!${last}`).filter((name) => away.has(name))).toEqual([]);
      }),
    );
  });

  it('nothing outside the hosts of the app is ever selected', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(',', '&', '!'), term)), term, term, (steps, first, within) => {
        const hosts = first + steps.map(([operator, name]) => operator + name).join('');
        const allowed = new Set(match(within));
        const selected = refusal({hosts, within});
        const outside = selected.startsWith('selected: ')
          ? selected
              .slice(10)
              .split(',')
              .filter((name) => !allowed.has(name))
          : [];
        expect(outside).toEqual([]);
      }),
    );
  });

  it('any text selects hosts or is refused with a reason', () => {
    fc.assert(fc.property(fc.string(), (hosts) => /^(selected: .|error\[selection\]: .)/s.test(refusal({hosts}))));
  });
});

describe('matchesWildcard()', () => {
  it('agrees with the regular expression of the same meaning', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab*?]{0,8}$/), fc.stringMatching(/^[ab]{0,8}$/), (pattern, text) => {
        const regex = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matchesWildcard(pattern, text)).toBe(regex.test(text));
      }),
      {numRuns: 2000},
    );
  });

  it('picks by chance, each host as often as any other, and keeps the order', () => {
    const times = new Map<string, number>();
    let seed = 1;
    const random = (): number => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let round = 0; round < 6000; round++) {
      const picked = names({all: true, pick: 2, random});
      expect(picked).toHaveLength(2);
      expect(inventory.hosts.map(({name}) => name as string).filter((name) => picked.includes(name))).toEqual(picked);
      for (const name of picked) times.set(name, (times.get(name) ?? 0) + 1);
    }
    for (const {name} of inventory.hosts) expect(times.get(name)).toBeGreaterThan(1800);
    expect(names({all: true, pick: 99})).toHaveLength(inventory.hosts.length);
    expect(refusal({all: true, pick: 1, limit: 1})).toBe('error[selection]: use --pick or --limit, not both; remove one of them');
  });

  it('takes the names of a run for nothing but names', () => {
    expect(names({names: ['lb1', 'web02'], role: ['web']})).toEqual(['web02']);
    expect(refusal({names: ['gone1']})).toContain('error[selection]: --hosts-from "gone1" matches no host');
    expect(refusal({names: ['web01'], all: true})).toBe('error[selection]: use --all or --hosts-from, not both; remove one of them');
  });
});
