META
key;value
description;Ten neighbors share 100
budget;100.00
vote_type;approval
rule;greedy
num_projects;4
num_votes;10
weather;fine
PROJECTS
project_id;cost;name;votes
lamp;48.50;Lamp;6
bench;45;"Bench; with a back";5
tree;32;Tree;4
sign;6.25;Sign;2
VOTES
voter_id;vote;age
1;lamp,bench;41
2;lamp,bench;18
3;lamp,bench;
4;lamp,bench;77
5;lamp,bench;35
6;lamp;50
7;tree;29
8;tree;62
9;tree,sign;33
10;tree,sign;70
