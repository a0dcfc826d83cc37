import {execFileSync} from 'node:child_process';
import os from 'node:os';

/** Where figures were taken: without it they say nothing. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the folder that the benchmark works in. */
  readonly fileSystem: string;
  /** Runnable processes over the last minute, before the first measurement: above 0.5 the figures are of a busy machine. */
  readonly load: number;
}

export function describeMachine(folder: string): Machine {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    model: cpus[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(os.totalmem() / 1024 ** 3),
    kernel: os.release(),
    node: process.versions.node,
    fileSystem: execFileSync('stat', ['-f', '-c', '%T', folder], {encoding: 'utf8'}).trim(),
    load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function printMachine({cores, model, memoryGb, kernel, node, fileSystem, load}: Machine): string {
  return `${cores} cores (${model}), ${memoryGb} GB, Linux ${kernel}, Node ${node}, ${fileSystem}, load ${load} at the start`;
}
