import { completions } from '../../../src/cli/completion.ts';
import { createProgram } from '../../../src/cli/program.ts';

const program = createProgram(async () => {});
const complete = (...words: string[]) => completions(program, words);

test('commands, options, and values that have choices are completed', () => {
  expect(complete('sta')).toEqual(['status']);
  expect(complete('tenants', 're')).toEqual(['remove', 'resume']);
  // The value of an option is not a command.
  expect(complete('--registry', 'status', 'tenants', 'p')).toEqual(['pause']);
  expect(complete('status', '--fa')).toEqual(['--fail-on', '--failing']);
  expect(complete('status', '--verb')).toEqual(['--verbose']);
  expect(complete('status', '--status', '')).toEqual(['active', 'paused', 'retired']);
  expect(complete('completion', '')).toEqual(['bash', 'fish', 'pwsh', 'zsh']);
});

test('a free value is left to the shell, and hidden commands are not offered', () => {
  expect(complete('run', '--handlers', '')).toEqual([]);
  expect(complete('')).toContain('doctor');
  expect(complete('')).not.toContain('complete');
});
