/** Programs that the scripts start. */
import {spawn} from 'node:child_process';
import {constants} from 'node:os';

/**
 * Runs a program with our own stdout and stderr and no stdin, passes on SIGTERM and waits out Ctrl-C (the terminal sends that to
 * both). Resolves to its exit status, 128 + the number of the signal that ended it, or 127 when it could not be started.
 */
export function runProgram(command, args, {cwd, env = process.env, stdin = 'ignore'}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {cwd, env, stdio: [stdin, 'inherit', 'inherit']});
    const pass = () => child.kill('SIGTERM');
    const wait = () => {};
    process.on('SIGTERM', pass).on('SIGINT', wait);
    const settle = (status) => {
      process.off('SIGTERM', pass).off('SIGINT', wait);
      resolve(status);
    };
    child.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      settle(127);
    });
    child.on('close', (status, signal) => settle(status ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
