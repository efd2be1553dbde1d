export AIRFLOW_CONN_COS_DEFAULT='cos://?region=ap-guangzhou&credential=assume_role&credential_source=cvm_role&role_arn=qcs%3A%3Acam%3A%3Auin%2F100000000001%3AroleName%2Finventory-reader'
