import {describe, expect, it} from 'vitest';
import type {App} from '../../src/lib/inventory/app.js';
import {stepsOfApp} from '../../src/lib/operations/plan-rollout.js';
import {stepsBack} from '../../src/lib/rollout/plan.js';

const app = {drain: {kind: 'file'}, restart: 'reload', health: [{kind: 'tcp'}], warm: {}} as unknown as App;

describe('the steps of an app', () => {
  it('G9: warm a host while it is out of rotation, on the way forward, and admit it after that', () => {
    const forward = ['drain', 'switch', 'restart', 'health', 'warm', 'admit', 'confirm'];
    expect(stepsOfApp(app, 'deploy')).toEqual(forward);
    expect(stepsBack(stepsOfApp(app, 'deploy'))).toEqual(['drain', 'revert', 'restart', 'health', 'admit']);
    expect(stepsOfApp(app, 'rollback')).toEqual(forward.filter((step) => step !== 'warm'));
  });

  it('T40: leave out what a flag names, and nothing else', () => {
    expect(stepsOfApp(app, 'deploy', new Set(['warm']))).toEqual(['drain', 'switch', 'restart', 'health', 'admit', 'confirm']);
    expect(stepsOfApp(app, 'deploy', new Set(['health']))).toEqual(['drain', 'switch', 'restart', 'warm', 'admit', 'confirm']);
  });
});
