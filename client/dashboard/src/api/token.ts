// The token comes once, in the address behind the #, and then lives in this module alone: not in storage, not in history.

let token: string | null = null;

export const currentToken = (): string | null => token;

export function setToken(text: string): void {
  token = tokenIn(text);
}

/** A token as it is, or one that stands in an address. */
export function tokenIn(text: string): string | null {
  const found = /(?:^|[#&])token=([^&\s]+)/.exec(text)?.[1] ?? text.trim();
  return /^[0-9A-Za-z_-]+$/.test(found) ? found : null;
}

/** Takes it out of the address bar; true when there was one. Called again when the address changes. */
export function takeTokenFromAddress(): boolean {
  if (!/[#&]token=/.test(location.hash)) {
    return false;
  }
  token = tokenIn(location.hash);
  history.replaceState(null, "", location.pathname + "#/");
  return true;
}
