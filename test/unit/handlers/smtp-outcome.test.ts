import { partialRefusal, smtpFailure } from '../../../src/handlers/smtp-outcome.ts';

/** An error as nodemailer makes them. */
function refusal(response: string, command: string, code = 'EENVELOPE') {
  return Object.assign(new Error(`Refused: ${response}`), {
    code,
    command,
    response,
    responseCode: Number(response.slice(0, 3)),
  });
}

test.each([
  [
    '550 5.1.1 <bob@example.com>: no such user',
    'RCPT TO',
    'PermanentError',
    /refuses the mail: 550 5\.1\.1 \(RCPT TO\)/,
  ],
  ['550-5.7.1 bob@example.com\n550 5.7.1 more', 'DATA', 'PermanentError', /550 5\.7\.1 \(DATA\)/],
  ['552 bob@example.com is full', 'DATA', 'PermanentError', /552 \(DATA\)/],
  ['553 bob@example.com', 'MAIL FROM', 'PermanentError', /553/],
  ['451 4.7.1 bob@example.com greylisted', 'RCPT TO', 'Error', /cannot take the mail now: 451 4\.7\.1/],
  ['421 bob@example.com closing', 'DATA', 'Error', /421/],
  ['530 5.7.0 bob@example.com must log in', 'MAIL FROM', 'Error', /530 5\.7\.0/],
  ['503 bob@example.com', 'DATA', 'Error', /503/],
  ['554 no service for bob@example.com', 'CONN', 'Error', /554 \(CONN\)/],
  ['502 bob@example.com', 'EHLO', 'Error', /502/],
])('%s at %s is a %s that does not quote the server', (response, command, name, message) => {
  const failure = smtpFailure(refusal(response, command));
  expect(failure.name).toBe(name);
  expect(failure.message).toMatch(message);
  expect(failure.message).not.toContain('bob@');
  expect(failure.cause).toBeUndefined();
});

test('a refused login is retried', () => {
  const failure = smtpFailure(refusal('535 5.7.8 bad credentials', 'AUTH PLAIN', 'EAUTH'));
  expect(failure.name).toBe('Error');
  expect(failure.message).toMatch(/login: 535 5\.7\.8; check MULTI_OUTBOX_SMTP_URL/);
});

test('a connection error is retried and shows only its codes', () => {
  const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:25'), {
    code: 'ESOCKET',
    originalCode: 'ECONNREFUSED',
    command: 'CONN',
  });
  expect(smtpFailure(error)).toEqual(
    new Error(
      'The mail could not be handed to the mail server: ESOCKET ECONNREFUSED; check MULTI_OUTBOX_SMTP_URL, and that the server runs. Each retry of the message sends the mail again.',
    ),
  );
});

test('a mail too large for the server is never retried', () => {
  const error = Object.assign(new Error('Message size larger than allowed 1'), {
    code: 'EMESSAGE',
    command: 'MAIL FROM',
  });
  expect(smtpFailure(error)).toMatchObject({ name: 'PermanentError' });
});

describe('partialRefusal', () => {
  const never = refusal('550 5.1.1 bob@example.com', 'RCPT TO');
  const later = refusal('450 4.2.1 cy@example.com', 'RCPT TO');

  test('accepted for all', () => {
    expect(partialRefusal({ accepted: ['a'] })).toBeNull();
    expect(partialRefusal({ accepted: ['a'], rejectedErrors: [] })).toBeNull();
  });

  test('permanent refusals for some: Dead, with their number', () => {
    const error = partialRefusal({ accepted: ['a', 'b'], rejectedErrors: [never] });
    expect(error).toMatchObject({ name: 'PermanentError' });
    expect(error!.message).toMatch(/for 1 of 3 recipients: 550 5\.1\.1;/);
    expect(error!.message).not.toContain('bob@');
  });

  test('with one temporary refusal, the mail is retried for all', () => {
    const error = partialRefusal({ accepted: ['a'], rejectedErrors: [never, later] });
    expect(error).toMatchObject({ name: 'Error' });
    expect(error!.message).toMatch(/for 2 of 3 recipients: 550 5\.1\.1, 450 4\.2\.1;/);
  });
});
