/** Errors of logins by token. The driver wraps them into errors of its own. */
import { errorText, oneLine, propertyOf, shownValue } from '../../errors.ts';

/** This program sent no token, because of what the server answered. */
export class TokenWithheld extends Error {
  override readonly name = 'TokenWithheld';
}

/** What is wrong, and what to do; null if an error of the driver is not about a token. */
export function tokenProblem(error: unknown): string | null {
  const thrown = propertyOf(error, 'originalError');
  if (thrown instanceof TokenWithheld) return thrown.message;
  // The driver reads what the server asks for as a URL before it calls the credential.
  if (propertyOf(thrown, 'code') === 'ERR_INVALID_URL') return foreignAudience(propertyOf(thrown, 'base'));
  const errors = propertyOf(thrown, 'errors');
  if (!Array.isArray(errors) || propertyOf(errors[0], 'code') !== 'EFEDAUTH') return null;
  const cause: unknown = errors[1];
  if (cause instanceof TokenWithheld) return cause.message;
  const text = oneLine(cause === undefined ? 'it returned null' : errorText(cause));
  return `the process's credential gave no token (${text}); give the process a managed identity, or sign in, and check AZURE_CLIENT_ID`;
}

/** @param audience what the server asks for a token for */
export function foreignAudience(audience: unknown): string {
  return `the server asks for a token for ${shownValue(audience)}, which is not Azure SQL, so no token was sent; check the server's name, and ask its administrator about it`;
}
