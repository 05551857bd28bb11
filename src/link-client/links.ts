import type { LinkClient } from './link-client';

/** What a backend programs against: `LinkClient`, and in its tests `FakeLinkClient`. */
export type Links = Pick<
  LinkClient,
  | 'start'
  | 'get'
  | 'list'
  | 'runJob'
  | 'waitForJob'
  | 'unlink'
  | 'eraseUser'
  | 'chooseAccount'
  | 'createRepairLinkToken'
  | 'confirmRepair'
  | 'close'
>;
