import {describeDelivery} from './delivery-contract.js';
import {startObjectService} from './object-service.js';
import {openStoreWay} from './store-way.js';

describeDelivery(
  'through a bucket',
  async () => {
    const service = await startObjectService();
    const way = await openStoreWay({...service, keys: {accessKeyId: 'DROVER', secretAccessKey: 'a+secret/of-the-test'}});
    return {
      ...way,
      async close() {
        await way.close();
        await service.close();
      },
    };
  },
  {usual: {files: 300, stride: 23}},
);
