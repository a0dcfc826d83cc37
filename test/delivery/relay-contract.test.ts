import {sshdMissing} from '../host/sshd.js';
import {describeDelivery} from './delivery-contract.js';
import {openRelayWay} from './relay-way.js';

describeDelivery('through a relay', openRelayWay, {missing: sshdMissing, usual: {trees: 4, files: 300, flips: 4, stride: 53}});
