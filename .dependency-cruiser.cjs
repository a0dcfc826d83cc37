// The walls between the rooms of src/lib: who may import whom, and where each outside package lives.
// The table is the one in docs/design.md; test/gate/rooms.test.ts plants a violation behind every wall.

/** Room -> rooms it may import. `types:` before a room allows `import type` alone. */
const rooms = {
  errors: [],
  inventory: ['errors'],
  events: ['errors', 'inventory'],
  snapshot: ['errors'],
  host: ['errors', 'inventory'],
  fanout: ['errors', 'inventory'],
  rollout: ['errors', 'inventory', 'types:events'],
  delivery: ['errors', 'inventory', 'snapshot', 'host', 'fanout'],
  traffic: ['errors', 'inventory', 'host'],
  report: ['errors', 'inventory', 'types:events'],
  operations: ['errors', 'inventory', 'events', 'snapshot', 'host', 'fanout', 'rollout', 'delivery', 'traffic'],
  lab: ['errors', 'inventory'],
  cli: [
    ...['errors', 'inventory', 'events', 'snapshot', 'host', 'fanout', 'rollout'],
    ...['delivery', 'traffic', 'report', 'operations', 'lab'],
  ],
};

/** Outside package -> the rooms it lives in. A package that is not named here has no place in src. */
const packages = {
  '@oclif/core': ['cli', 'commands'],
  aws4fetch: ['snapshot'],
  chalk: ['report'],
  execa: ['host'],
  inquirer: ['cli'],
  'markdown-it': ['cli'],
  'shell-quote': ['cli'],
  listr2: ['report'],
  'node-ssh': ['host'],
  'p-limit': ['fanout'],
  saxes: ['traffic'],
  ssh2: ['host', 'lab'],
  'tar-stream': ['snapshot'],
  undici: ['events', 'traffic'],
  yaml: ['inventory'],
  zod: ['inventory'],
};

const pathOf = (room) => (room === 'commands' ? '^src/commands/' : `^src/lib/${room}/`);
const inPackages = (names) => `(^|/)node_modules/(@types/)?(${names.join('|')})(/|$)`;

const walls = Object.entries(rooms).map(([room, allowed]) => {
  const open = allowed.map((name) => pathOf(name.replace('types:', '')));
  return {
    name: `room-${room}`,
    severity: 'error',
    comment: `${room} may import ${allowed.join(', ') || 'no other room'}`,
    from: {path: pathOf(room)},
    to: {path: '^src/', pathNot: [pathOf(room), ...open]},
  };
});

const typeOnlyWalls = Object.entries(rooms).flatMap(([room, allowed]) =>
  allowed
    .filter((name) => name.startsWith('types:'))
    .map((name) => ({
      name: `room-${room}-types-of-${name.slice(6)}`,
      severity: 'error',
      comment: `${room} may import types of ${name.slice(6)}, and nothing that runs`,
      from: {path: pathOf(room)},
      to: {path: pathOf(name.slice(6)), dependencyTypesNot: ['type-only']},
    })),
);

const packageWalls = Object.entries(packages).map(([name, homes]) => ({
  name: `package-${name}`,
  severity: 'error',
  comment: `${name} lives in ${homes.join(' and ')} and nowhere else`,
  from: {path: '^src/', pathNot: homes.map(pathOf)},
  to: {path: inPackages([name])},
}));

module.exports = {
  forbidden: [
    ...walls,
    ...typeOnlyWalls,
    ...packageWalls,
    {
      name: 'room-commands',
      severity: 'error',
      comment: 'a command is words, flags and one call: it may import cli and operations',
      from: {path: pathOf('commands')},
      to: {path: '^src/', pathNot: ['cli', 'operations'].map(pathOf)},
    },
    {
      name: 'commands-without-builtins',
      severity: 'error',
      comment: 'commands leave the work to operations',
      from: {path: pathOf('commands')},
      to: {dependencyTypes: ['core']},
    },
    {
      name: 'room-unknown',
      severity: 'error',
      comment: 'every module lives in a room of the table',
      from: {path: '^src/', pathNot: [...Object.keys(rooms), 'commands'].map(pathOf)},
      to: {},
    },
    {
      name: 'package-without-a-room',
      severity: 'error',
      comment: 'an outside package gets a room in .dependency-cruiser.cjs before it is imported',
      from: {path: '^src/'},
      to: {path: '(^|/)node_modules/', pathNot: [inPackages(Object.keys(packages))]},
    },
    {
      name: 'rollout-is-pure',
      severity: 'error',
      comment: 'rollout has no clock, no randomness and no I/O, so that a simulator can crash it at every step',
      from: {path: pathOf('rollout')},
      to: {dependencyTypes: ['core']},
    },
    {
      name: 'src-stands-alone',
      severity: 'error',
      comment: 'nothing in src knows tests, benchmarks or scripts',
      from: {path: '^src/'},
      to: {path: '^(test|bench|scripts|bin|dist)/'},
    },
    {name: 'no-cycle', severity: 'error', comment: 'imports point down only', from: {path: '^src/'}, to: {circular: true}},
    {name: 'unresolvable', severity: 'error', comment: 'every import resolves', from: {path: '^src/'}, to: {couldNotResolve: true}},
  ],
  options: {
    doNotFollow: {path: 'node_modules'},
    // Sees `import type` too: the table is about what a room knows, not only about what it loads.
    tsPreCompilationDeps: true,
    tsConfig: {fileName: 'tsconfig.json'},
    enhancedResolveOptions: {exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types']},
  },
};
