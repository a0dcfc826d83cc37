import {describeBalancers} from './balancer-contract.js';
import {haproxyKind} from './haproxy-kind.js';

describeBalancers(haproxyKind);
