import {ofVerbs} from './bugs-of-verbs.mjs';

/**
 * Bugs that are planted, one at a time and never on disk in the tree: `replace` for `find`, which stands in `file` once. `by` says who must find it:
 * a campaign of the simulator, by its request, or tests of a file, by words of their names.
 */
const rules = {campaign: 'rules', seeds: [1, 12_001]};
const failing = (...kinds) => ({campaign: 'fail-each', sizes: [2], kinds});
const pairs = {campaign: 'two-operators', sizes: [2]};

/** Of the rollout and of what carries it out. */
const ofRuns = [
  {
    name: 'the floor does not hold on the way back',
    isShort: true,
    file: 'src/lib/rollout/floor.ts',
    find: 'let free = counted - floorOf(state, silo);',
    replace: "let free = state.phase === 'reverting' ? 99 : counted - floorOf(state, silo);",
    by: rules,
  },
  {
    name: 'the floor is counted from memory, not from the balancers',
    file: 'src/lib/rollout/floor.ts',
    find: 'const counted = [...inRotation].filter((host) => !leavingThen.has(host)).length;',
    replace: 'const counted = state.plan.hosts.filter((host) => host.silo === silo && !leavingThen.has(host.name)).length;',
    by: rules,
  },
  {
    name: 'an old view of the balancers counts hosts that were leaving',
    file: 'src/lib/rollout/floor.ts',
    find: 'const leavingThen = state.asked.get(silo) ?? new Set<string>();',
    replace: 'const leavingThen = new Set<string>();',
    by: rules,
  },
  {
    name: 'hosts that this run did not change go back as well',
    file: 'src/lib/rollout/host-stage.ts',
    find: "    case 'ready':\n    case 'lost':\n      return stage.touched;",
    replace: "    case 'ready':\n    case 'lost':\n      return true;",
    by: rules,
  },
  {
    name: 'a host whose way back failed is tried again and again',
    file: 'src/lib/rollout/moves.ts',
    find: "if (stage.direction === 'back') return endMove(state, host, {kind: 'stuck', why, code});",
    replace: "if (stage.direction === 'back') return endMove(state, host, {kind: 'failed', why, code});",
    by: rules,
  },
  {
    name: 'the budget is not counted',
    file: 'src/lib/rollout/moves.ts',
    find: 'if (spent <= budget) return',
    replace: 'if (spent <= budget + 1) return',
    by: rules,
  },
  {
    name: 'a run that lost a host to another one turns round all the same',
    file: 'src/lib/rollout/revert.ts',
    find: "  if (state.stop?.kind === 'fenced') return {state, effects: []};\n",
    replace: '',
    by: rules,
  },
  {
    name: 'a rollback turns round',
    file: 'src/lib/rollout/revert.ts',
    find: "return state.plan.command === 'rollback' ? {state: stopped, effects: []} : goBack(stopped, stop.why);",
    replace: 'return goBack(stopped, stop.why);',
    by: rules,
  },
  {
    name: 'success with skipped hosts',
    isShort: true,
    file: 'src/lib/rollout/release.ts',
    find: "if (stages.every((stage) => stage.kind === 'done')) {",
    replace: "if (stages.every((stage) => stage.kind === 'done' || stage.kind === 'lost')) {",
    by: rules,
  },
  {
    name: 'a second canary while the first has not arrived',
    file: 'src/lib/rollout/rotation.ts',
    find: 'return ready.slice(0, Math.max(0, canary - inHand));',
    replace: 'return ready;',
    by: rules,
  },
  {
    name: 'roles overtake one another on the way back',
    file: 'src/lib/rollout/rotation.ts',
    find: ' && isItsTurnBack(state, name));',
    replace: ');',
    by: rules,
  },
  {
    name: 'a soak that finds sick hosts passes',
    file: 'src/lib/rollout/wave-gate.ts',
    find: 'const [first] = event.failed;',
    replace: 'const [first] = event.failed.slice(1);',
    by: rules,
  },
  {
    name: 'the wave after an interrupt begins',
    file: 'src/lib/rollout/step.ts',
    find: "const stopped: RolloutState = {...state, stop: {kind: 'interrupted', why: 'interrupted', code: 'interrupted'}};",
    replace: 'const stopped: RolloutState = state;',
    by: rules,
  },
  {
    name: 'leases are not all or nothing',
    file: 'src/lib/rollout/leases.ts',
    find: 'const stop = state.stop ?? findShortage(state);',
    replace: 'const stop = findShortage(state);',
    by: rules,
  },
  {
    name: 'a once task that may have run is given to the next host',
    file: 'src/lib/rollout/task-result.ts',
    find: 'return stopInDoubt(left, task, why);',
    replace: 'return passOn(left, event, code);',
    by: rules,
  },
  {
    name: 'the contract runs while hosts have not arrived',
    file: 'src/lib/rollout/once.ts',
    find: 'if (late.length === 0) return',
    replace: 'if (late.length <= 1) return',
    by: rules,
  },
  {
    name: 'hosts with one time are let go before all of them stand ready',
    file: 'src/lib/rollout/appointment.ts',
    find: 'const isMissing = openWaves(state).some(({hosts}) => hosts.some((host) => isOnItsWay(state, host)));',
    replace: 'const isMissing = false;',
    by: rules,
  },
  {
    name: 'an expired plan goes on to its next wave',
    file: 'src/lib/rollout/wave-gate.ts',
    find: 'if (state.expired !== undefined) {',
    replace: 'if (state.expired === "never") {',
    by: {tests: 'test/rollout/expired.test.ts'},
  },
  {
    name: 'a lost reply is taken for a good one',
    isShort: true,
    file: 'src/lib/host/verb-call.ts',
    find: '  if (frame === undefined) {\n',
    replace: "  if (frame === undefined && verb !== 'x') return '';\n  if (frame === undefined) {\n",
    by: failing('lose-request'),
  },
  {
    name: 'a way back leaves the run open on hosts that it never moved',
    file: 'src/lib/operations/resume-run.ts',
    find: 'others: listOthers(plan, rest, fleet),',
    replace: '',
    by: {campaign: 'random', seeds: [355, 370]},
  },
  {
    name: 'a rollback leads to any older release',
    file: 'src/lib/host/host-state.ts',
    find: 'const good = listProven(state).findLast((id) => id !== state.live && !pinned.has(id));',
    replace: 'const good = state.releases.findLast((id) => id !== state.live && !pinned.has(id));',
    by: failing('lose-request'),
  },
  {
    name: 'the second rollback goes further back',
    file: 'src/lib/host/host-state.ts',
    find: "if (settled !== undefined && ofRun('rolled-back') && !ofRun('reverted'))",
    replace: "if (settled !== undefined && settled.run === '')",
    by: {tests: 'test/host/host-state.test.ts', names: 'is a no-op the second time'},
  },
  {
    name: 'a rollback goes to a release that is pinned out',
    file: 'src/lib/host/host-state.ts',
    find: 'const pinned = new Set(state.pins.map(({release}) => release));',
    replace: 'const pinned = new Set<string>();',
    by: {tests: 'test/host/host-state.test.ts', names: 'I8: passes a release by'},
  },
  {
    name: 'hosts switch in rotation',
    file: 'src/lib/operations/plan-rollout.ts',
    find: "if (takesOut(app)) steps.push('drain');",
    replace: '',
    by: failing('lose-request'),
  },
];

/** Of the protocol on a host, planted in the simulated one. */
const ofHosts = [
  {
    name: 'the simulated host: no flush between the intent and the switch',
    file: 'test/simulation/host-verbs.ts',
    find: "this.disk.flush();\n    if (Number(seconds) > 0 && this.isHome(from)) this.arm(values, world);\n    this.disk.write('current', to, true);",
    replace: "if (Number(seconds) > 0 && this.isHome(from)) this.arm(values, world);\n    this.disk.write('current', to, true);",
    by: failing('power-cut'),
  },
  {
    name: 'the simulated host: a switch asks for no epoch',
    isShort: true,
    file: 'test/simulation/host-verbs.ts',
    find: "    const {run = '', from = '', to = '', seconds = '0'} = values;\n    this.requireLease(values);\n",
    replace: "    const {run = '', from = '', to = '', seconds = '0'} = values;\n",
    by: failing('kill-late'),
  },
  {
    name: 'the simulated host: a lease is given while another run has one',
    file: 'test/simulation/host-verbs.ts',
    find: 'held.run !== run && this.leaseLeft(held, world) > 0)',
    replace: 'held.run !== run && this.leaseLeft(held, world) > 1000)',
    by: pairs,
  },
  {
    name: 'the simulated host: a confirmation wins over a revert',
    file: 'test/simulation/host-verbs.ts',
    find: "    const decision = this.readDecision(run);\n    if (decision === 'reverted') refuse('reverted-itself', 'this host took the release back by itself; nobody confirmed it in time');\n    if (to === '' || this.live !== to)",
    replace: "    const decision = this.readDecision(run);\n    if (to === '')",
    by: failing('freeze'),
  },
  {
    name: 'the simulated host: the dead-man does not look whether it was decided',
    file: 'test/simulation/host-verbs.ts',
    find: 'this.isDecided(run) || ',
    replace: '',
    by: {campaign: 'fail-each', sizes: [1], kinds: ['lose-reply']},
  },
  {
    name: 'the simulated host: the dead-man leads back to what nobody had confirmed',
    file: 'test/simulation/host-verbs.ts',
    find: ' && this.isHome(from)',
    replace: '',
    by: {campaign: 'crash-twice', sizes: [1]},
  },
  {
    name: 'a prune of the store looks only at what is live',
    file: 'src/lib/operations/prune-apps.ts',
    find: 'return [...releases, ...(live',
    replace: 'return [...(live',
    by: {campaign: 'fail-each', sizes: [1], kinds: ['lose-reply']},
  },
  {
    name: 'a prune of the store goes on without the hosts that do not answer',
    file: 'src/lib/operations/prune-apps.ts',
    find: '[...silent].filter(([name]) => !without.has(name))',
    replace: '[...silent].filter(([name]) => without.has(name))',
    by: {campaign: 'fail-each', sizes: [1], kinds: ['host-away']},
  },
  {
    name: 'a channel is opened under another run',
    file: 'src/lib/operations/channel-peers.ts',
    find: 'lease !== undefined && lease.run === pausedBy && lease.leftSeconds > 0;',
    replace: 'false;',
    by: {tests: 'test/operations/shared-channel.test.ts', names: 'stays paused until the last of two runs'},
  },
  {
    name: 'a dead host keeps the channel of all others closed',
    file: 'src/lib/operations/carry-out.ts',
    find: 'await freeWorker(crew, effect.host);',
    replace: 'void freeWorker;',
    by: {tests: 'test/operations/shared-channel.test.ts', names: 'when a host dies in the middle'},
  },
  {
    name: 'a lost lease keeps a channel closed',
    file: 'src/lib/operations/carry-out.ts',
    find: 'forfeitWorker(crew, host);',
    replace: '',
    by: {tests: 'test/operations/shared-channel.test.ts', names: 'once a heartbeat has said so'},
  },
  {
    name: 'a reviewed plan is taken up again where it has moved the host',
    file: 'src/lib/host/verbs/lease.sh',
    find: 'END {print moved ? "" : last}',
    replace: 'END {print last}',
    by: {tests: 'test/host/verb-reviewed-plan.test.ts', names: 'is not used up by a run that died'},
  },
  {
    name: 'a host that goes through its steps once more settles no dead run',
    file: 'src/lib/host/verbs/switch.sh',
    find: '    settle_older\n    record intent',
    replace: '    record intent',
    by: {tests: 'test/operations/unfinished-rollout.test.ts', names: 'died right after a switch'},
  },
];

export const bugs = [...ofRuns, ...ofHosts, ...ofVerbs];
