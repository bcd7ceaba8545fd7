#!/usr/bin/env bash
# The same node pools on GKE, scaled by its cluster autoscaler from none to 36 GPU nodes on pending pods.
# Usage: CLUSTER=plateful REGION=europe-west4 deploy/nodes/gke.sh   (not run here: no cloud account)
set -euo pipefail
: "${CLUSTER:?name of the cluster}" "${REGION:?its region}"

# --total-max-nodes counts over all zones. The node's own service account has no rights worth stealing, and pods see
# no metadata but their own (workload identity).
common=(--cluster "$CLUSTER" --region "$REGION" --enable-autoscaling --num-nodes 0 --total-min-nodes 0
    --location-policy ANY --workload-metadata GKE_METADATA --shielded-secure-boot --ephemeral-storage-local-ssd count=1)

gcloud container node-pools create gpu-render "${common[@]}" --total-max-nodes 36 --spot \
    --machine-type g2-standard-8 --accelerator type=nvidia-l4,count=1,gpu-driver-version=default \
    --node-labels plateful.io/pool=gpu-render,plateful.io/capacity=spot \
    --node-taints nvidia.com/gpu=present:NoSchedule,plateful.io/spot=true:NoSchedule

gcloud container node-pools create gpu-train "${common[@]}" --total-max-nodes 2 \
    --machine-type g2-standard-16 --accelerator type=nvidia-l4,count=1,gpu-driver-version=default \
    --node-labels plateful.io/pool=gpu-train,plateful.io/capacity=on-demand \
    --node-taints nvidia.com/gpu=present:NoSchedule

gcloud container node-pools create cpu-small "${common[@]}" --total-max-nodes 12 \
    --machine-type n2-standard-8 \
    --node-labels plateful.io/pool=cpu-small,plateful.io/capacity=on-demand
