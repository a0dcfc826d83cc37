import {describeBalancers} from './balancer-contract.js';
import {nginxKind} from './nginx-process.js';

describeBalancers(nginxKind);
