/** A run's right to change a host: every change names it and the host checks it in the same critical section. */
export interface Fence {
  readonly run: string;
  readonly epoch: number;
}
