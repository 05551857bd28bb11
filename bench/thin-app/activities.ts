export function createThinActivities(providersUrl: string) {
  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(providersUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return JSON.parse(await response.text());
  }

  return {
    async exchange({ publicToken }: { publicToken: string }): Promise<{ accessToken: string }> {
      const answer = await post('/item/public_token/exchange', { public_token: publicToken });
      return { accessToken: String(answer.access_token) };
    },

    async createProcessorToken(request: {
      accessToken: string;
      accountId: string;
    }): Promise<{ processorToken: string }> {
      const { accessToken, accountId } = request;
      const body = { access_token: accessToken, account_id: accountId, processor: 'atomicfi' };
      const answer = await post('/processor/token/create', body);
      return { processorToken: String(answer.processor_token) };
    },

    async register({ userId, processorToken }: { userId: string; processorToken: string }): Promise<void> {
      const job = 'employer-classification';
      await post('/plaid/processor-link', { identifier: userId, processorToken, job });
    },

    async fetchResult({ userId }: { userId: string }): Promise<unknown> {
      const response = await fetch(`${providersUrl}/employer-matches/${userId}`);
      if (!response.ok) throw new Error(`result: ${response.status}`);
      return response.json();
    },
  };
}

export type ThinActivities = ReturnType<typeof createThinActivities>;
