import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Right } from '../rights.ts';

export const SessionRights = createContext<readonly Right[]>([]);

/** Whether the operator has a right. The server checks it again: this only hides what would be refused. */
export function useRight(right: Right): boolean {
  return useContext(SessionRights).includes(right);
}
