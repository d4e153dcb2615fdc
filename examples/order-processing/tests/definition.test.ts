import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readJson } from './samples';

interface State {
  Type: string;
  Resource?: string;
  TimeoutSeconds?: number;
  Next?: string;
  End?: boolean;
  Default?: string;
  Error?: string;
  Choices?: { Next: string }[];
  Retry?: { ErrorEquals: string[] }[];
  Catch?: { ErrorEquals: string[]; Next: string }[];
  Branches?: Machine[];
}

interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

interface Resource {
  Type: string;
  Properties: {
    Handler?: string;
    DefinitionUri?: string;
    DefinitionSubstitutions?: Record<string, string>;
    Policies?: { LambdaInvokePolicy?: { FunctionName: string } }[];
  };
  Metadata?: { BuildProperties: { EntryPoints: string[] } };
}

interface Expectation {
  status: 'SUCCEEDED' | 'FAILED';
  error?: string;
  says: string;
  path: (string | string[])[];
  retries?: Record<string, number>;
  output?: Record<string, unknown>;
}

const DEFINITION = 'statemachine/order-processing.asl.json';
const machine = readJson<Machine>(DEFINITION);
const substitutionsUsed = new Set([...readFileSync(DEFINITION, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
const expectations = Object.entries(readJson<Record<string, Expectation>>('events/expected.json'));

// CloudFormation's short forms are read as their plain argument: `!GetAtt A.Arn` is "A.Arn".
const customTags = ['!Ref', '!GetAtt', '!Sub'].map((tag) => ({ tag, resolve: (text: string) => text }));
const { Resources: resources } = parse(readFileSync('template.yaml', 'utf8'), { customTags }) as { Resources: Record<string, Resource> };
const functions = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::Serverless::Function');
const stateMachine = resources.OrderProcessingStateMachine?.Properties;

test('every state can be reached, and every target exists', () => {
  for (const { StartAt, States } of machines(machine)) {
    const reached = new Set<string>();
    const open = [StartAt];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const state: State | undefined = States[name];
      assert.ok(state, `state ${name} exists`);
      if (!reached.has(name)) {
        reached.add(name);
        open.push(...targets(state));
      }
    }
    assert.deepEqual([...reached].sort(), Object.keys(States).sort());
  }
});

test('every task has a timeout, retries what Lambda itself may do wrong, and is caught', () => {
  for (const [level, { States }] of machines(machine).entries()) {
    for (const [name, state] of Object.entries(States).filter(([, { Type }]) => Type === 'Task')) {
      assert.ok(state.TimeoutSeconds, `${name} has TimeoutSeconds`);
      const retried = state.Retry?.flatMap(({ ErrorEquals }) => ErrorEquals) ?? [];
      assert.ok(retried.includes('Lambda.ServiceException') || retried.includes('States.ALL'), `${name} retries Lambda errors`);
      // Tasks of a branch are caught by the Parallel state. The last task has nothing left to undo.
      if (level === 0 && !state.End) {
        assert.deepEqual(state.Catch?.at(-1)?.ErrorEquals, ['States.ALL'], `${name} catches everything`);
      }
    }
  }
});

test('the template substitutes, and allows, exactly the functions the definition names', () => {
  const substitutions = stateMachine?.DefinitionSubstitutions ?? {};
  assert.equal(stateMachine?.DefinitionUri, DEFINITION);
  assert.deepEqual(Object.keys(substitutions).sort(), [...substitutionsUsed].sort());
  for (const [name, value] of Object.entries(substitutions)) {
    assert.equal(value, name.replace(/Arn$/, '.Arn'));
  }
  const names = functions.map(([name]) => name).sort();
  assert.deepEqual(Object.values(substitutions).map((value) => value.replace('.Arn', '')).sort(), names);
  assert.deepEqual(stateMachine?.Policies?.map((policy) => policy.LambdaInvokePolicy?.FunctionName).sort(), names);
});

test('every handler names the bundle of its entry point, and every function file has a resource', () => {
  for (const [name, { Properties, Metadata }] of functions) {
    const [entry = '', ...others] = Metadata?.BuildProperties.EntryPoints ?? [];
    assert.deepEqual(others, [], name);
    assert.ok(existsSync(entry), `${name}: ${entry} exists`);
    // With one entry point, esbuild writes the bundle to the top of the package.
    assert.equal(Properties.Handler, `${entry.replace(/^src\/functions\//, '').replace(/\.ts$/, '')}.handler`);
  }
  const entries = functions.flatMap(([, { Metadata }]) => Metadata?.BuildProperties.EntryPoints ?? []);
  assert.deepEqual(entries.sort(), readdirSync('src/functions').map((file) => `src/functions/${file}`).sort());
});

test('every expected path is a walk through the definition to the end it expects', () => {
  for (const [file, { path, status, error }] of expectations) {
    let next: readonly string[] = [machine.StartAt];
    let last: State | undefined;
    for (const step of path) {
      if (Array.isArray(step)) {
        assert.deepEqual([...step].sort(), last?.Branches?.flatMap(({ States }) => Object.keys(States)).sort(), file);
        continue;
      }
      assert.ok(next.includes(step), `${file}: ${step} follows`);
      last = machine.States[step];
      next = last === undefined ? [] : targets(last);
    }
    assert.ok(last?.End || last?.Type === 'Succeed' || last?.Type === 'Fail', `${file}: ends`);
    assert.equal(last?.Type === 'Fail' ? 'FAILED' : 'SUCCEEDED', status, file);
    assert.equal(last?.Error, error, file);
  }
});

test('every sample has an expectation, but the one that waits for a person', () => {
  const samples = readdirSync('events').filter((file) => file !== 'expected.json' && file !== 'manual-approval.json');
  assert.deepEqual(expectations.map(([file]) => file).sort(), samples.sort());
});

function targets({ Next, Default, Choices = [], Catch = [] }: State): string[] {
  return [Next, Default, ...Choices.map((rule) => rule.Next), ...Catch.map((catcher) => catcher.Next)].filter((name) => name !== undefined);
}

/** The state machine, then those of its branches. */
function machines(top: Machine): Machine[] {
  return [top, ...Object.values(top.States).flatMap(({ Branches = [] }) => Branches.flatMap(machines))];
}
