import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repository } from '../../support/command.js';
import { inProcess as diptych } from '../../support/program.js';

const COMMANDS = [
  'embed',
  'classify',
  'similarity',
  'search',
  'dedup',
  'models',
  'tokenize',
  'preprocess',
  'doctor',
  'bench',
];

describe('help', () => {
  test('names every command and the exit codes', async () => {
    const { code, stdout } = await diptych(['--help']);
    expect(code).toBe(0);
    for (const name of COMMANDS) expect(stdout).toContain(`  ${name} `);
    expect(stdout).toMatch(/Exit codes/);
  });

  test.each(COMMANDS)('%s --help has examples', async (name) => {
    const { code, stdout } = await diptych([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples:\n {2}\$ .*diptych/);
  });

  test.each(['embed', 'merge'])('every flag of %s is in docs/cli.md', async (name) => {
    const { stdout } = await diptych([name, '--help']);
    const page = readFileSync(join(repository, 'docs', 'cli.md'), 'utf8');
    const flags = [...new Set(stdout.split('Examples:')[0]?.match(/--[a-z][a-z-]+/g))];
    expect(flags.length).toBeGreaterThan(3);
    expect(flags.filter((flag) => flag !== '--help' && !page.includes(`\`${flag}`))).toEqual([]);
  });

  test('--version', async () => {
    expect(await diptych(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe('wrong usage is told in one line, with exit code 2', () => {
  test.each([
    [['clasify', 'x'], /did you mean classify/i],
    [['embed', 'x', '--out', 'y', '--shard-sise', '5'], /did you mean --shard-size/i],
    [['embed', 'x'], /--out/],
    [['embed', '--out', 'y'], /missing required argument/],
    [['embed', 'x', '--out', 'y', '--shard-size', '0'], /whole number, at least 1/],
    [['embed', 'x', '--out', 'y', '--shard', '4/4'], /I\/N/],
    [['embed', 'x', '--out', 'y', '--format', 'csv'], /npy, parquet, jsonl/],
    [['embed', 'x', '--out', 'y', '--resume', '--overwrite'], /exclude each other/],
    [['classify', 'x.jpg'], /--labels/],
    [['classify', 'x.jpg', '--labels', 'a', '--labels-file', 'b'], /one of/],
    [['classify', 'x.jpg', '--labels', ' , '], /no label/],
    [['classify', 'x.jpg', '--labels', 'a', '--device', 'gpu'], /cuda:N/],
    [['classify', 'x.jpg', '--labels', 'a', '--top', '1.5'], /whole number/],
    [['tokenize'], /give texts, or --in/],
    [['preprocess', 'x.jpg', '--out', 'y', '--spec', '[]'], /JSON object/],
    [['preprocess', 'x.jpg', '--out', 'y', '--spec', '{'], /--spec/],
    [['similarity', 'a', 'b', '--out', 'x.txt'], /\.npy, \.csv or \.png/],
    [['doctor', 'extra'], /too many arguments/],
  ])('%p', async (args, message) => {
    const { code, stdout, stderr } = await diptych(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^diptych: BAD_OPTION: [^\n]+\n$/);
    expect(stderr).toMatch(message);
  });

  test('no command at all shows the help', async () => {
    const { code, stdout, stderr } = await diptych([]);
    expect(code).toBe(2);
    expect(stdout + stderr).toContain('Usage: diptych');
  });
});

describe('other errors are one line, with exit code 1', () => {
  test.each([
    [['classify', 'examples/photos', '--labels', 'cat', '--model', 'no-such-model'], /MODEL_NOT_FOUND/],
    [['similarity', 'none.npy', 'none.npy'], /INPUT_NOT_FOUND/],
    [['search', 'cat', '--in', 'nowhere'], /INPUT_NOT_FOUND/],
    [['tokenize', '--in', 'nowhere.jsonl'], /INPUT_NOT_FOUND/],
    [['embed', 'examples/photos', '--out', 'examples'], /OUTPUT_EXISTS.*--resume/],
  ])('%p', async (args, message) => {
    const { code, stderr } = await diptych(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^diptych: [A-Z_]+: [^\n]+\n$/);
    expect(stderr).toMatch(message);
  });

  test('--verbose adds the stack', async () => {
    const { stderr } = await diptych(['search', 'cat', '--in', 'nowhere', '--verbose']);
    expect(stderr).toMatch(/\n\s+at /);
  });
});
