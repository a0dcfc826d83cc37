import {describeBalancers} from './balancer-contract.js';
import {varnishKind} from './varnish-process.js';

describeBalancers(varnishKind);
