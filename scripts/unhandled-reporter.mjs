import {writeFileSync} from 'node:fs';

/** A reporter of vitest that writes how many errors no test answers for: those fail the run, and no test tells of them. */
export default class UnhandledReporter {
  onTestRunEnd(_modules, errors) {
    if (process.env.UNHANDLED_FILE) writeFileSync(process.env.UNHANDLED_FILE, String(errors.length));
  }
}
