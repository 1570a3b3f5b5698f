import { isMultiOutboxError } from '../../../../src/errors.ts';
import {
  definitionOf,
  type TenantInput,
  tenantDefinition,
} from '../../../../src/fleet/tenants/definition.ts';
import { tenantRecord } from '../../../support/candidate.ts';

function refusal(input: unknown): string {
  try {
    tenantDefinition(input as TenantInput);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_TENANT')) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a tenant as people define it (F1)', () => {
  test('F1: the id is enough; the rest has defaults', () => {
    expect(tenantDefinition({ id: 'acme' })).toEqual({
      id: 'acme',
      server: '',
      database: 'tenants/acme.db',
      auth: { kind: 'managed-identity' },
      schema: 'messaging',
      priority: 0,
      weight: 1,
      slaSeconds: null,
      tags: {},
      overrides: {},
    });
  });

  test.each<[string, TenantInput, boolean, string]>([
    ['beside a registry in a file', { id: 'a' }, true, 'tenants/a.db'],
    ['beside a registry on a server', { id: 'a' }, false, 'a'],
    ['on a server of its own', { id: 'a', server: 'sql.example.net' }, true, 'a'],
    ['with a login of its own', { id: 'a', auth: { kind: 'setting', name: 'SQL_A' } }, true, 'a'],
  ])('F1: its database is named after it: %s', (_, input, embedded, database) => {
    expect(tenantDefinition(input, { embedded }).database).toBe(database);
    expect(tenantDefinition({ ...input, database: 'own' }, { embedded }).database).toBe('own');
  });

  test('F1: overrides take durations as people write them', () => {
    const ceiling = (idleCeilingMs: number | string) =>
      tenantDefinition({ id: 'a', overrides: { idleCeilingMs } }).overrides.idleCeilingMs;
    expect([ceiling('5m'), ceiling(250), ceiling('never')]).toEqual([300_000, 250, 'never']);
  });

  test.each(['a', '0', 'acme-eu.west_2', 'x'.repeat(64)])('F1: the id %p is one', (id) => {
    expect(tenantDefinition({ id }).id).toBe(id);
  });

  test.each(['', 'A', 'acme!', '-a', '.a', '../a', 'a/b', 'a b', 'ä', 'x'.repeat(65), 5, null, 10n, ['a']])(
    'F1: the id %p is none',
    (id) => {
      expect(refusal({ id })).toContain('id must be 1 to 64 of');
      const named = typeof id === 'string' ? `Tenant '${id}'` : 'The tenant';
      expect(refusal({ id })).toContain(`${named} cannot be registered`);
    },
  );

  const bad: [string, unknown, string][] = [
    ['nothing', undefined, 'The tenant cannot be registered: the definition must be an object'],
    ['null', null, 'must be an object'],
    ['text', 'acme', 'must be an object'],
    ['no id', {}, 'id is missing'],
    ['a field that is not known', { id: 'a', priorty: 1 }, "(did you mean 'priority'?)"],
    ['a server that is not text', { id: 'a', server: 5 }, 'server must be text'],
    ['a server with a line break', { id: 'a', server: 'a\nb' }, 'server must not contain'],
    ['a server without end', { id: 'a', server: 'x'.repeat(257) }, 'server must have at most'],
    ['an empty database', { id: 'a', database: '' }, 'database must not be empty'],
    ['a schema that is not an identifier', { id: 'a', schema: 'a]; drop' }, 'schema must be an identifier'],
    ['a priority that is not a whole number', { id: 'a', priority: 1.5 }, 'priority must be a whole number'],
    ['a priority as text', { id: 'a', priority: '1' }, 'priority must be a whole number'],
    ['a weight of 0', { id: 'a', weight: 0 }, 'weight must be a number from'],
    ['a weight that is not a number', { id: 'a', weight: Number.NaN }, 'weight must be a number from'],
    ['an SLA of 0 seconds', { id: 'a', slaSeconds: 0 }, 'slaSeconds must be a whole number'],
    ['a tag that is not text', { id: 'a', tags: { plan: 1 } }, 'tags.plan must be text'],
    ['a tag with a long name', { id: 'a', tags: { ['x'.repeat(65)]: 'y' } }, 'must have at most 64'],
    ['a tag with a long value', { id: 'a', tags: { plan: 'x'.repeat(257) } }, 'must have at most 256'],
    ['tags that are none', { id: 'a', tags: 'gold' }, 'tags must be an object'],
    ['a batch size of 0', { id: 'a', overrides: { batchSize: 0 } }, 'overrides.batchSize must be'],
    ['a concurrency too high', { id: 'a', overrides: { concurrency: 1_001 } }, 'overrides.concurrency must'],
    [
      'a ceiling in words',
      { id: 'a', overrides: { idleCeilingMs: 'often' } },
      'overrides.idleCeilingMs must',
    ],
    [
      'a ceiling of two years',
      { id: 'a', overrides: { idleCeilingMs: '730d' } },
      'overrides.idleCeilingMs must',
    ],
    [
      'an override that is not known',
      { id: 'a', overrides: { lease: 1 } },
      'overrides.lease is not a field of a tenant',
    ],
    ['an auth kind that is not known', { id: 'a', auth: { kind: 'sql' } }, 'auth.kind must be'],
    ['a setting without a name', { id: 'a', auth: { kind: 'setting' } }, 'auth.name is missing'],
  ];
  test.each(bad)('F1: refuses %s', (_, input, named) => {
    expect(refusal(input)).toContain(named);
  });

  test('F1: a misspelt name is answered with the nearest one, also of an override; a wrong value is not', () => {
    expect(refusal({ id: 'a', overrides: { batchsize: 1 } })).toBe(
      "Tenant 'a' cannot be registered: overrides.batchsize is not a field of a tenant; correct its name or remove it (did you mean 'batchSize'?).",
    );
    expect(refusal({ id: 'a', weight: 0 })).toBe(
      "Tenant 'a' cannot be registered: weight must be a number from 0.001 to 1000.",
    );
  });

  test.each([[[]], [new Map()], [new Date(0)]])('F1: overrides that are %p are refused', (overrides) => {
    expect(refusal({ id: 'a', overrides })).toBe(
      "Tenant 'a' cannot be registered: overrides must be a plain object of settings.",
    );
  });

  const tenantWith = (field: string, value: unknown): TenantInput => {
    const [outer, inner] = field.split('.') as [string, string?];
    return { id: 'a', [outer]: inner === undefined ? value : { [inner]: value } };
  };
  test.each<[string, unknown[], unknown[]]>([
    ['server', ['x'.repeat(256)], ['x'.repeat(257)]],
    ['database', ['x', 'x'.repeat(1_000)], ['', 'x'.repeat(1_001)]],
    ['schema', ['_', 'x'.repeat(128)], ['9x', 'x'.repeat(129)]],
    ['priority', [-1_000, 1_000], [-1_001, 1_001]],
    ['weight', [0.001, 1_000], [0.0009, 1_000.1]],
    ['slaSeconds', [1, 31_536_000, null], [0, 31_536_001]],
    ['overrides.batchSize', [1, 5_000], [0, 5_001]],
    ['overrides.concurrency', [1, 1_000], [0, 1_001]],
    ['overrides.idleCeilingMs', [1, 365 * 86_400_000], [0, 365 * 86_400_000 + 1]],
    ['tags', [{ ['x'.repeat(64)]: 'y'.repeat(256) }], [{ ['x'.repeat(65)]: 'y' }, { '': 'y' }]],
    ['auth', [{ kind: 'setting', name: 'x'.repeat(128) }], [{ kind: 'setting', name: 'x'.repeat(129) }]],
  ])('F1: %s is accepted up to its limits, and not beyond', (field, accepted, refused) => {
    for (const value of accepted) expect(() => tenantDefinition(tenantWith(field, value))).not.toThrow();
    for (const value of refused) expect(refusal(tenantWith(field, value))).toContain(field);
  });

  test('F1: a connection string put where a name belongs is refused and not shown', () => {
    const secret = 'Server=tcp:db.example.com;Password=hunter2';
    for (const auth of [
      secret,
      { kind: 'setting', name: secret },
      { kind: 'managed-identity', connectionString: secret },
      { kind: secret },
    ]) {
      expect(refusal({ id: 'a', auth })).not.toContain('hunter2');
    }
  });
});

test('F1: the definition of a registered tenant is its record without status and schedule', () => {
  const definition = tenantDefinition({ id: 'a', priority: 5, tags: { plan: 'gold' } });
  expect(definitionOf(tenantRecord('a', definition))).toEqual(definition);
});

test('Q15: the definition of a tenant whose row cannot be read is refused: the record has other values', () => {
  const unreadable = { definition: ['Tags'], schedule: [] };
  expect(() => definitionOf(tenantRecord('a', { unreadable }))).toThrow(
    expect.objectContaining({ code: 'INVALID_TENANT', tenantId: 'a' }),
  );
});

test.each(['__proto__', 'constructor', 'prototype'])('Q15: a tag named %s is refused, not lost', (name) => {
  const tags = JSON.parse(`{"${name}":"x"}`);
  expect(() => tenantDefinition({ id: 'a', tags })).toThrow(/tags must not have a name/);
});

test.each(['con', 'nul', 'com1', 'lpt9.x', 'aux.db'])(
  'F1: the id %s, a device on Windows, is refused',
  (id) => {
    expect(() => tenantDefinition({ id })).toThrow(/id must not be the name of a device on Windows/);
  },
);

test.each(['console', 'null', 'com', 'acme.con'])('F1: the id %s is a file name on Windows', (id) => {
  expect(tenantDefinition({ id })).toMatchObject({ id });
});
