/** The code of a failed system call (`ENOENT`), undefined for any other error. */
export function readErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
