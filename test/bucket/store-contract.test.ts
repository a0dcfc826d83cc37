import {describeDelivery} from '../delivery/delivery-contract.js';
import {openStoreWay} from '../delivery/store-way.js';
import {rigAvailable} from '../rig/available.js';
import {makeBucket} from './bucket-machine.js';
import {ownerKeys, startObjectStore} from './object-store.js';

const available = rigAvailable();

describeDelivery(
  'through a bucket of a real service',
  async () => {
    const service = await startObjectStore();
    await makeBucket(service, 'releases');
    const way = await openStoreWay({endpoint: service.endpoint, keys: ownerKeys});
    return {
      ...way,
      async close() {
        await way.close();
        await service.stop();
      },
    };
  },
  {missing: available.ok ? undefined : available.why, usual: {trees: 4, flips: 4, stride: 37}},
);
