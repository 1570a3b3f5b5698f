import * as v from 'valibot';
import { emailPayload } from '../../../src/handlers/email-schema.ts';
import { webhookPayload } from '../../../src/handlers/webhook-schema.ts';

/** '<field>: <issue>' for each issue. */
function issuesOf(schema: v.GenericSchema<unknown, unknown>, payload: unknown): string[] {
  const result = v.safeParse(schema, payload);
  return (result.issues ?? []).map((issue) => `${v.getDotPath(issue) ?? ''}: ${issue.message}`);
}

const mail = { to: 'ann@example.com', subject: 'Hello', text: 'Hi' };

describe('email.send', () => {
  test.each([
    mail,
    { to: ['a@example.com', 'Bob <b@example.com>'], html: '<p>Hi</p>' },
    { bcc: 'a@example.com', attachments: [{ content: 'SGVs\r\nbG8=\r\n' }] },
    { ...mail, cc: null, bcc: null, from: null, headers: null, attachments: null },
    { ...mail, headers: { 'List-Unsubscribe': '<https://example.com/u>', 'X-Tab': 'a\tb' } },
    {
      ...mail,
      attachments: [
        { content: '', filename: 'empty.txt', contentType: 'text/plain; charset=utf-8', contentId: 'a@b' },
      ],
    },
  ])('takes %j', (payload) => {
    expect(issuesOf(emailPayload, payload)).toEqual([]);
  });

  const injected = 'x\r\nBcc: eve@example.com';
  test.each<[string, unknown, RegExp]>([
    ['no object', 'text', /must be an object/],
    ['a list', [], /must have a recipient/],
    ['a misspelt field', { ...mail, subjet: 'x' }, /^subjet: is not a field/],
    ['no recipient', { subject: 'x', text: 'y' }, /must have a recipient/],
    ['empty recipients', { to: [], cc: [], text: 'y' }, /must have a recipient/],
    ['no content', { to: 'a@example.com', subject: 'x', text: '' }, /must have content/],
    ['a line break in the subject', { ...mail, subject: injected }, /^subject: must be one line/],
    ['a lone line feed in the subject', { ...mail, subject: 'x\ny' }, /^subject: must be one line/],
    ['a NUL in the subject', { ...mail, subject: 'x\0y' }, /^subject: must be one line/],
    ['a line break in to', { ...mail, to: injected }, /^to: must be/],
    ['a line break in a list', { ...mail, to: ['a@example.com', injected] }, /must be/],
    ['a line break in from', { ...mail, from: injected }, /^from: must be one line/],
    ['a line break in replyTo', { ...mail, replyTo: injected }, /^replyTo: must be/],
    ['a line break in a header', { ...mail, headers: { 'X-A': injected } }, /^headers.X-A: must be one line/],
    [
      'a line break in a header name',
      { ...mail, headers: { 'X-A\r\nBcc': 'eve@example.com' } },
      /must be a header name/,
    ],
    ['a colon in a header name', { ...mail, headers: { 'X-A: b\r\nBcc': 'c' } }, /must be a header name/],
    ['a Bcc header', { ...mail, headers: { bCC: 'eve@example.com' } }, /email.send sets itself/],
    [
      'a Content-Type header',
      { ...mail, headers: { 'content-type': 'text/html' } },
      /email.send sets itself/,
    ],
    ['a Message-ID header', { ...mail, headers: { 'message-id': '<a@b>' } }, /email.send sets itself/],
    [
      'a header that is not text',
      { ...mail, headers: { 'X-A': { prepared: true, value: injected } } },
      /must be text/,
    ],
    ['html from a file', { ...mail, html: { path: '/etc/passwd' } }, /^html: must be text/],
    [
      'a file as attachment',
      { ...mail, attachments: [{ content: '', path: '/etc/passwd' }] },
      /^attachments.0.path: is not a field/,
    ],
    [
      'a URL as attachment',
      { ...mail, attachments: [{ content: '', href: 'http://169.254.169.254/' }] },
      /^attachments.0.href: is not a field/,
    ],
    ['an attachment that is not base64', { ...mail, attachments: [{ content: 'a-b_' }] }, /must be base64/],
    [
      'a line break in a file name',
      { ...mail, attachments: [{ content: '', filename: injected }] },
      /must be one line/,
    ],
    [
      'a multipart attachment',
      { ...mail, attachments: [{ content: '', contentType: 'multipart/mixed' }] },
      /must be a media type/,
    ],
    [
      'a content id with brackets',
      { ...mail, attachments: [{ content: '', contentId: 'a>b' }] },
      /must not contain/,
    ],
  ])('refuses %s', (_what, payload, expected) => {
    const issues = issuesOf(emailPayload, payload);
    expect(issues.join('\n')).toMatch(expected);
    expect(issues.join('\n')).not.toMatch(/eve|passwd|169\.254/);
  });

  test('checks a large attachment without running out of stack', () => {
    const content = Buffer.alloc(20_000_000).toString('base64');
    expect(issuesOf(emailPayload, { ...mail, attachments: [{ content }] })).toEqual([]);
  });
});

describe('webhook.post', () => {
  test.each([
    { url: 'https://example.com' },
    { url: 'http://example.com:8080/a?b=c#d', body: null, headers: null },
    {
      url: 'https://example.com',
      body: [1, 'two'],
      headers: { Authorization: 'Bearer x', 'Content-Type': 'text/csv' },
    },
  ])('takes %j', (payload) => {
    expect(issuesOf(webhookPayload, payload)).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    ['no object', 7, /must be an object/],
    ['no URL', { body: 1 }, /^url: is missing/],
    ['a misspelt field', { url: 'https://example.com', data: 'secret' }, /^data: is not a field/],
    ['a relative URL', { url: '/secret' }, /^url: must be an absolute URL/],
    ['another scheme', { url: 'file:///secret' }, /^url: must begin with https/],
    ['data', { url: 'data:text/plain,secret' }, /^url: must begin with https/],
    ['a password', { url: 'https://user:secret@example.com' }, /^url: must not contain a user name/],
    ['a user name', { url: 'https://secret@example.com' }, /^url: must not contain a user name/],
    ['host', { url: 'https://example.com', headers: { Host: 'secret' } }, /webhook.post sets itself/],
    [
      'the signature',
      { url: 'https://example.com', headers: { 'Webhook-Signature': 'secret' } },
      /webhook.post sets itself/,
    ],
    [
      'the key',
      { url: 'https://example.com', headers: { 'Idempotency-Key': 'secret' } },
      /webhook.post sets itself/,
    ],
    [
      'a hop-by-hop header',
      { url: 'https://example.com', headers: { 'Transfer-Encoding': 'chunked' } },
      /webhook.post sets itself/,
    ],
    [
      'a header with a line break',
      { url: 'https://example.com', headers: { a: 'b\r\nsecret: d' } },
      /must be printable ASCII/,
    ],
    [
      'two headers that differ only in case',
      { url: 'https://example.com', headers: { 'X-Key': 'secret', 'x-key': 'secret' } },
      /^headers: must not have two names that differ only in case/,
    ],
    [
      'a header name with a space',
      { url: 'https://example.com', headers: { 'a b': 'secret' } },
      /must be a header name/,
    ],
  ])('refuses %s', (_what, payload, expected) => {
    const issues = issuesOf(webhookPayload, payload);
    expect(issues.join('\n')).toMatch(expected);
    expect(issues.join('\n')).not.toContain('secret');
  });
});

describe.each(['__proto__', 'constructor', 'prototype'])('Q15: the name %s', (name) => {
  test('is refused in headers, which would lose it', () => {
    const headers = JSON.parse(`{"${name}":"x"}`);
    expect(issuesOf(emailPayload, { ...mail, headers }).join()).toMatch(/^headers: must not have a name/);
    expect(issuesOf(webhookPayload, { url: 'https://example.com', headers }).join()).toMatch(
      /^headers: must not have a name/,
    );
  });
});

test('Q15: a body that no UTF-8 can carry is refused', () => {
  expect(issuesOf(webhookPayload, { url: 'https://example.com', body: 'a\ud800' })).toEqual([
    'body: is not well-formed Unicode',
  ]);
});
