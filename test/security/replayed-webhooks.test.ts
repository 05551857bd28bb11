/** A true webhook, sent again by somebody who saw it, at the URL of another user. */
import { useService } from '../support/service';

jest.setTimeout(120_000);

const EMPLOYER = 'employer-classification';

const service = useService();

async function linkedUser() {
  const { userId, itemId } = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  return { userId, itemId };
}

async function replay(sent: { rawBody: string; headers: Record<string, string> }, path: string) {
  const { rawBody: body, headers } = sent;
  return (await fetch(`${service.api.url}${path}`, { method: 'POST', body, headers })).status;
}

it("does nothing to a user at whose URL a webhook of another user's Item is sent again", async () => {
  const [victim, other] = [await linkedUser(), await linkedUser()];
  const sent = await service.plaid.fireWebhook(other.itemId, 'USER_PERMISSION_REVOKED');
  await service.call.linkWhen(other.userId, ({ state }) => state === 'unlinked');
  const before = (await service.call.get(victim.userId)).link();
  const seq = service.plaid.ledger.lastSeq;

  expect(await replay(sent, `/webhooks/plaid/${victim.userId}`)).toBe(200);
  // An update is handled after the signal that came before it.
  expect((await service.call.call('POST', `/v1/links/${victim.userId}/repaired`)).status).toBe(200);

  const after = (await service.call.get(victim.userId)).link();
  expect({ ...after, updatedAt: before.updatedAt }).toEqual(before);
  expect(service.plaid.ledger.lastSeq).toBe(seq);
  expect(service.leftovers(victim.userId)).not.toEqual([]);
});
