import { useService } from '../support/service';

jest.setTimeout(180_000);

const service = useService();

it('has the links that it had cached read by another after one refused read at most', async () => {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  const other = await service.another('worker');
  await other.start();
  await service.worker.kill('SIGKILL');
  const statuses: number[] = [];
  while (statuses.at(-1) !== 200) statuses.push((await service.call.get(userId)).status);
  // A read is given up after 4 s: those that wait for the SDK's own 10 s are refused twice.
  expect(statuses.filter((status) => status !== 200).length).toBeLessThanOrEqual(1);
});
